//! Attributes of a service: what clients are told about all of its instances.

use serde_json::{Value, json};

use super::{catalog::Catalog, refusal};
use crate::{ecs::Members, error::ApiError};

/// Most attributes of a service. Source:
/// <https://docs.aws.amazon.com/cloud-map/latest/api/API_UpdateServiceAttributes.html>
const MOST: usize = 30;

pub(super) fn get(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("ServiceId").unwrap_or_default())?;
    Ok(json!({"ServiceAttributes": {
        "ServiceArn": catalog.arn("service", &service.id),
        "ResourceOwner": catalog.account,
        "Attributes": service.attributes,
    }}))
}

pub(super) fn update(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service_mut(request.text("ServiceId").unwrap_or_default())?;
    let mut attributes = service.attributes.clone();
    for (name, value) in request.member("Attributes").and_then(Value::as_object).into_iter().flatten() {
        attributes.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    if attributes.len() > MOST {
        return Err(refusal::too_many_attributes(MOST));
    }
    service.attributes = attributes;
    Ok(json!({}))
}

pub(super) fn delete(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service_mut(request.text("ServiceId").unwrap_or_default())?;
    for name in request.texts("Attributes") {
        service.attributes.remove(name);
    }
    Ok(json!({}))
}
