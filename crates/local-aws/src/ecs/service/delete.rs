//! DeleteService.

use serde_json::{Value, json};

use super::{
    super::{Members, State},
    ServiceStatus, read,
};
use crate::error::ApiError;

/// The service drains: the scheduler stops its tasks and makes it INACTIVE.
pub(in crate::ecs) fn delete(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let key = state.service_key(request, request.text("service").unwrap_or_default())?;
    let forced = request.flag("force") == Some(true);
    let service = state.services.get_mut(&key).filter(|service| service.status != ServiceStatus::Inactive);
    let service = service.ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))?;
    if service.is_active() {
        if service.desired_count > 0 && !forced {
            return Err(ApiError::invalid("The service cannot be stopped while it is scaled above 0."));
        }
        if service.deployments.len() > 1 && !forced {
            return Err(ApiError::invalid("The service cannot be stopped while deployments are active."));
        }
        service.status = ServiceStatus::Draining;
        service.desired_count = 0;
        state.agenda.look_at(&key);
    }
    let service = state.services.get(&key);
    Ok(json!({"service": service.map(|service| read::show(state, service, false))}))
}
