//! Revisions by ARN. A revision never changes, so each is read once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use coxswain_ecs_model::{Canonical, canonical_task_definition};
use coxswain_plan::{DIGEST_TAG, LiveTaskDefinition};
use serde_json::{Value, json};

use crate::{
    aws::{Aws, AwsError, Operation},
    phase::PhaseError,
};

/// So many revisions are kept; beyond, all are forgotten and those in use are read again.
const KEPT: usize = 20_000;

#[derive(Debug)]
struct Definition {
    canonical: Canonical,
    digest_tag: Option<String>,
}

/// Reads revisions, and keeps them.
#[derive(Debug)]
pub(super) struct TaskDefinitions {
    aws: Arc<dyn Aws>,
    known: Mutex<HashMap<String, Arc<Definition>>>,
}

impl TaskDefinitions {
    pub(super) fn new(aws: Arc<dyn Aws>) -> Self {
        Self { aws, known: Mutex::default() }
    }

    /// The revision of that ARN; without a definition where ECS has none any more.
    pub(super) async fn get(&self, arn: &str) -> Result<LiveTaskDefinition, PhaseError> {
        let definition = match self.known(arn) {
            Some(definition) => Some(definition),
            None => describe(self.aws.as_ref(), arn).await?.map(|answer| self.remember(arn, &answer)),
        };
        Ok(LiveTaskDefinition {
            arn: arn.to_owned(),
            definition: definition.as_ref().map(|definition| definition.canonical.clone()),
            digest_tag: definition.and_then(|definition| definition.digest_tag.clone()),
        })
    }

    fn known(&self, arn: &str) -> Option<Arc<Definition>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    fn remember(&self, arn: &str, answer: &Value) -> Arc<Definition> {
        let body = answer.get("taskDefinition").unwrap_or(&Value::Null);
        let definition = Arc::new(Definition {
            canonical: canonical_task_definition(body),
            digest_tag: digest_tag(answer),
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(arn.to_owned(), definition.clone());
        definition
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

/// The digest that a described revision carries as a tag.
pub(crate) fn digest_tag(answer: &Value) -> Option<String> {
    let tags = answer.get("tags")?.as_array()?;
    let tag = tags.iter().find(|tag| tag.get("key").and_then(Value::as_str) == Some(DIGEST_TAG))?;
    tag.get("value").and_then(Value::as_str).map(str::to_owned)
}
