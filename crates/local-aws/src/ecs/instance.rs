//! Container instances: there are none, and that is the answer.

use serde_json::{Value, json};

use super::{Members, State, arn, page};
use crate::error::ApiError;

impl State {
    /// The failure that stands for an instance that a request names.
    pub(super) fn missing_instance(&self, cluster: &str, instance: &str) -> Value {
        let id = arn::last_part(instance, "container-instance");
        json!({"arn": self.names.container_instance(cluster, id), "reason": "MISSING"})
    }
}

pub(super) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    state.active_cluster(request.text("cluster"))?;
    page::size(request.whole("maxResults"), 100, 100)?;
    page::key(request.text("nextToken"))?;
    Ok(json!({"containerInstanceArns": []}))
}

pub(super) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    let instances = request.texts("containerInstances");
    let failures = instances.map(|instance| state.missing_instance(&cluster.name, instance));
    Ok(json!({"containerInstances": [], "failures": failures.collect::<Vec<_>>()}))
}
