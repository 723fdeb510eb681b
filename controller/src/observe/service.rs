//! Services as DescribeServices shows them, ten to a call.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use coxswain_plan::{Live, LiveTaskDefinition};
use coxswain_runtime::{Batcher, Clock, Window};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{task_definition::TaskDefinitions, unreadable};
use crate::{
    aws::{Aws, AwsError, Operation},
    phase::PhaseError,
};

/// Looks that begin together may be scheduled apart by some milliseconds where the processor is busy; a
/// full batch does not wait at all, so that a wide window costs a single look its 20 ms and a sweep nothing.
const TOGETHER: Window =
    Window { idle: Duration::from_millis(20), longest: Duration::from_millis(100), most: 10 };

/// A service by cluster and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    cluster: String,
    service: String,
}

/// One service of an answer, or that there is none, and when ECS was asked.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) service: Option<Arc<Value>>,
}

/// Reads services, those asked for at about the same time in one call.
#[derive(Debug)]
pub(super) struct Services {
    batcher: Batcher<Name, Seen, AwsError>,
}

impl Services {
    pub(super) fn new(aws: Arc<dyn Aws>, clock: Arc<dyn Clock>) -> Self {
        let fetch = move |names: Vec<Name>| fetch(names, aws.clone(), clock.clone());
        Self { batcher: Batcher::new(TOGETHER, fetch) }
    }

    pub(super) async fn get(&self, cluster: &str, service: &str) -> Result<Seen, PhaseError> {
        let name = Name { cluster: cluster.to_owned(), service: service.to_owned() };
        Ok(self.batcher.get(name).await?)
    }
}

async fn fetch(
    names: Vec<Name>,
    aws: Arc<dyn Aws>,
    clock: Arc<dyn Clock>,
) -> Result<HashMap<Name, Result<Seen, AwsError>>, AwsError> {
    let mut by_cluster: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        by_cluster.entry(name.cluster).or_default().push(name.service);
    }
    let mut seen = HashMap::new();
    for (cluster, services) in by_cluster {
        // The moment before asking: what happened after it may or may not be in the answer.
        let at = clock.now();
        let input = json!({"cluster": cluster, "services": services, "include": ["TAGS"]});
        let answer = aws.call(Operation::DescribeServices, input).await;
        for service in services {
            let found = answer.as_ref().map_err(Clone::clone).and_then(|answer| pick(answer, &service, at));
            seen.insert(Name { cluster: cluster.clone(), service }, found);
        }
    }
    Ok(seen)
}

/// One service of an answer. Only a failure that says MISSING means that there is none.
fn pick(answer: &Value, name: &str, at: Timestamp) -> Result<Seen, AwsError> {
    let list = |member: &str| answer.get(member).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if let Some(service) = list("services").find(|service| text(service, "serviceName") == name) {
        return Ok(Seen { at, service: Some(Arc::new(service.clone())) });
    }
    let failure = list("failures").find(|failure| {
        let arn = text(failure, "arn");
        arn == name || arn.rsplit('/').next() == Some(name)
    });
    match failure.map(|failure| text(failure, "reason")) {
        Some(reason) if reason == "MISSING" => Ok(Seen { at, service: None }),
        Some(reason) => {
            let message = format!("the service {name} cannot be described: {reason}");
            Err(AwsError::unanswered(Operation::DescribeServices, true, message))
        }
        None => {
            let message = format!("the answer does not mention the service {name}");
            Err(AwsError::unanswered(Operation::DescribeServices, true, message))
        }
    }
}

/// The service in the planner's terms, with the revision that it names.
pub(super) async fn live(seen: &Seen, definitions: &TaskDefinitions) -> Result<Live, PhaseError> {
    let Some(service) = &seen.service else { return Ok(Live::Missing) };
    let definition = match Live::task_definition_arn(service) {
        Some(arn) => definitions.get(arn).await?,
        None => LiveTaskDefinition::default(),
    };
    Live::read(service, definition).map_err(|error| unreadable(Operation::DescribeServices, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn only_missing_means_that_there_is_no_service() {
        let missing = json!({"services": [], "failures": [
            {"arn": "arn:aws:ecs:eu-west-1:123456789012:service/dev/api", "reason": "MISSING"}
        ]});
        assert!(pick(&missing, "api", at()).unwrap().service.is_none());
        let other = json!({"services": [], "failures": [{"arn": "api", "reason": "THROTTLED"}]});
        assert!(pick(&other, "api", at()).is_err());
        assert!(pick(&json!({"services": [], "failures": []}), "api", at()).is_err());
    }
}
