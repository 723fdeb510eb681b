//! Revisions by ARN. A revision never changes, so each is read once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use coxswain_plan::LiveTaskDefinition;
use serde_json::{Value, json};

use super::unreadable;
use crate::{
    at_rest::AtRest,
    aws::{Aws, AwsError, Operation},
    phase::PhaseError,
};

/// So many revisions are kept; beyond, all are forgotten and those in use are read again.
const KEPT: usize = 20_000;

/// Reads revisions, and keeps them.
#[derive(Debug)]
pub(super) struct TaskDefinitions {
    aws: Arc<dyn Aws>,
    known: Mutex<HashMap<String, AtRest<LiveTaskDefinition>>>,
}

impl TaskDefinitions {
    pub(super) fn new(aws: Arc<dyn Aws>) -> Self {
        Self { aws, known: Mutex::default() }
    }

    /// The revision of that ARN; without a definition where ECS has none any more.
    pub(super) async fn get(&self, arn: &str) -> Result<LiveTaskDefinition, PhaseError> {
        if let Some(known) = self.known(arn) {
            return Ok(known.get());
        }
        let Some(answer) = describe(self.aws.as_ref(), arn).await? else {
            return Ok(LiveTaskDefinition { arn: arn.to_owned(), ..LiveTaskDefinition::default() });
        };
        let definition = LiveTaskDefinition::read(&answer)
            .map_err(|error| unreadable(Operation::DescribeTaskDefinition, &error))?;
        self.remember(definition.clone());
        Ok(definition)
    }

    fn known(&self, arn: &str) -> Option<AtRest<LiveTaskDefinition>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    fn remember(&self, definition: LiveTaskDefinition) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(definition.arn.clone(), AtRest::new(definition));
    }
}

/// DescribeTaskDefinition's answer, tags included; `None` where there is no such revision or family.
pub(crate) async fn describe(aws: &dyn Aws, name: &str) -> Result<Option<Value>, AwsError> {
    let input = json!({"taskDefinition": name, "include": ["TAGS"]});
    match aws.call(Operation::DescribeTaskDefinition, input).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
