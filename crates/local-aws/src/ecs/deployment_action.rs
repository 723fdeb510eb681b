//! StopServiceDeployment and ContinueServiceDeployment, and the answers of hooks' functions.

use serde_json::{Value, json};

use super::{
    Hook, Members, Service, ServiceDeployment, ServiceDeploymentStatus, ServiceKey, State, member::set,
    service_deployment::find,
};
use crate::{clock::Time, error::ApiError};

/// StopServiceDeployment: asks for the end or the rollback, which the scheduler carries out.
pub(super) fn stop(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let asked = request.text("serviceDeploymentArn").unwrap_or_default();
    let aborts = request.text("stopType") == Some("ABORT");
    if aborts && !state.switches.abort_stops {
        return Err(ApiError::invalid("The stop type ABORT is not supported; use ROLLBACK."));
    }
    let unknown = || ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let (service, found) = find(state, asked).ok_or_else(unknown)?;
    if !matches!(found.status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress) {
        let text = format!("The service deployment is in the status {}.", found.status.name());
        return Err(ApiError::new("ConflictException", text));
    }
    let key = service.key.clone();
    let ongoing = state.services.get_mut(&key).and_then(Service::ongoing).ok_or_else(unknown)?;
    let status = if aborts {
        ServiceDeploymentStatus::StopRequested
    } else {
        ServiceDeploymentStatus::RollbackRequested
    };
    ongoing.turn(status, now);
    state.agenda.look_at(&key);
    Ok(json!({"serviceDeploymentArn": asked}))
}

/// ContinueServiceDeployment: decides a pause hook, in the words of AWS's troubleshooting page.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html>
pub(super) fn go_on(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let asked = request.text("serviceDeploymentArn").unwrap_or_default();
    let hook = request.text("hookId").unwrap_or_default();
    let unknown =
        || ApiError::new("ServiceDeploymentNotFoundException", "The service deployment does not exist.");
    let (service, found) = find(state, asked).ok_or_else(unknown)?;
    let key = service.key.clone();
    if !["ecs-pause-", "ecs-lambda-"].iter().any(|prefix| hook.starts_with(prefix)) {
        return Err(ApiError::invalid("Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}"));
    }
    if found.status.is_final() {
        return Err(ApiError::invalid(
            "Continuing a service deployment is not allowed for service deployment in terminal states.",
        ));
    }
    let ongoing = state.services.get_mut(&key).and_then(Service::ongoing);
    let shift = ongoing.and_then(|ongoing| ongoing.shift.as_mut());
    let found = shift.and_then(|shift| {
        shift.hooks.iter_mut().find(|candidate| candidate.id == hook && candidate.awaits_action())
    });
    let gone = || {
        let text =
            "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN";
        ApiError::invalid(text)
    };
    found.ok_or_else(gone)?.decide(request.text("action") != Some("ROLLBACK"));
    state.agenda.look_at(&key);
    Ok(json!({"serviceDeploymentArn": asked}))
}

impl State {
    /// Answers for the function behind a hook; says whether there was one that waited.
    pub(crate) fn resolve_hook(&mut self, id: &str, succeeded: bool) -> bool {
        self.with_open_hook(id, |hook| hook.decide(succeeded))
    }

    /// Takes in what the function behind a hook returned, or why it could not be asked. It is too late where
    /// the hook was decided meanwhile.
    pub(crate) fn hook_returned(&mut self, id: &str, returned: Result<Value, String>, now: Time) {
        self.with_open_hook(id, |hook| hook.returned(returned, now));
    }

    fn with_open_hook(&mut self, id: &str, then: impl FnOnce(&mut Hook)) -> bool {
        for (key, service) in &mut self.services {
            let shift = service.ongoing().and_then(|ongoing| ongoing.shift.as_mut());
            let hook = shift.and_then(|shift| shift.hooks.iter_mut().find(|hook| hook.id == id));
            if let Some(hook) = hook.filter(|hook| hook.awaits_answer()) {
                then(hook);
                self.agenda.look_at(key);
                return true;
            }
        }
        false
    }

    /// The functions that have not answered, each with the hook's id and what ECS tells it.
    pub(crate) fn open_hooks(&self) -> Vec<Value> {
        let mut open = Vec::new();
        for (key, service) in &self.services {
            let Some(ongoing) = service.history.last() else { continue };
            for hook in ongoing.shift.iter().flat_map(|shift| &shift.hooks) {
                if let (Some(function), Some(event)) = (hook.function(), self.hook_event(key, ongoing, hook))
                {
                    open.push(json!({"hookId": hook.id, "function": function, "event": event}));
                }
            }
        }
        open
    }

    /// What ECS tells the function behind a hook.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>
    pub(crate) fn hook_event(
        &self,
        key: &ServiceKey,
        deployment: &ServiceDeployment,
        hook: &Hook,
    ) -> Option<Value> {
        let shift = deployment.shift.as_ref()?;
        let (production, test) = shift.told_weights(|revision| self.revision_arn(key, revision));
        let mut event = hook.event();
        set(&mut event, "resourceArn", deployment.arn.as_str());
        set(
            &mut event,
            "executionDetails",
            json!({
                "serviceArn": self.names.service(&key.cluster, &key.name),
                "targetServiceRevisionArn": self.revision_arn(key, shift.target),
                "testTrafficWeights": test,
                "productionTrafficWeights": production,
            }),
        );
        Some(event)
    }

    /// Sets a CloudWatch alarm's state; deployments that watch it hear of it at once.
    pub(crate) fn set_alarm(&mut self, name: &str, is_in_alarm: bool) {
        self.alarms.set(name, is_in_alarm);
        for (key, service) in &mut self.services {
            if service.ongoing().is_some() {
                self.agenda.look_at(key);
            }
        }
    }

    pub(super) fn revision_arn(&self, key: &ServiceKey, number: u64) -> String {
        self.names.service_revision(&key.cluster, &key.name, number)
    }
}
