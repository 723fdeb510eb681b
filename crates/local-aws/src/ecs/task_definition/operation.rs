//! The operations on task definitions.

use std::{ops::Bound, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{Alarm, Members, State, member::set, operation::paged, page, tag, tag::Tags},
    Family, Registered, Status, TaskDefinition, fill, rules,
};
use crate::{clock::Time, error::ApiError};

/// The largest definition. Source: Amazon ECS service quotas.
const LARGEST: usize = 64 * 1_024;

/// How often it is seen whether a definition to be deleted is still referred to.
pub(in crate::ecs) const DELETION_LOOKS: Duration = Duration::from_mins(1);

pub(in crate::ecs) fn register(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let mut body = request.as_object().cloned().unwrap_or_default();
    rules::check(&body)?;
    let tags = Tags::read(request)?;
    body.remove("tags");
    if Value::Object(body.clone()).to_string().len() > LARGEST {
        return Err(ApiError::client("Actual length: the task definition is larger than 64 KiB."));
    }
    fill::defaults(&mut body);
    let family = body.text("family").unwrap_or_default().to_owned();
    let known = state.families.entry(family.clone()).or_default();
    known.last += 1;
    let revision = known.last;
    let arn = state.names.task_definition(&family, revision);
    body.insert("taskDefinitionArn".into(), arn.clone().into());
    body.insert("revision".into(), revision.into());
    body.insert("registeredAt".into(), now.to_json());
    body.insert("registeredBy".into(), state.names.caller().into());
    let registered = Registered {
        definition: Arc::new(TaskDefinition { family, revision, arn, body }),
        status: Status::Active,
        tags,
        deregistered_at: None,
        delete_requested_at: None,
    };
    let answer = json!({"taskDefinition": registered.show(), "tags": registered.tags.to_json()});
    known.revisions.insert(revision, registered);
    Ok(answer)
}

pub(in crate::ecs) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let registered = state.registered(request.text("taskDefinition").unwrap_or_default())?;
    let mut answer = json!({"taskDefinition": registered.show()});
    if tag::asked(request) {
        set(&mut answer, "tags", registered.tags.to_json());
    }
    Ok(answer)
}

pub(in crate::ecs) fn deregister(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let reference = request.text("taskDefinition").unwrap_or_default();
    let registered = exact(state, reference)?;
    if registered.status == Status::Active {
        registered.status = Status::Inactive;
        registered.deregistered_at = Some(now);
    }
    Ok(json!({"taskDefinition": registered.show()}))
}

pub(in crate::ecs) fn delete(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let references: Vec<&str> = request.texts("taskDefinitions").collect();
    if !(1..=10).contains(&references.len()) {
        return Err(ApiError::invalid("Between 1 and 10 task definitions can be deleted at a time."));
    }
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for reference in references {
        match exact(state, reference) {
            Ok(registered) if registered.status == Status::Active => failures.push(json!({
                "arn": registered.definition.arn,
                "reason": "The specified task definition is still in ACTIVE status. Please deregister the \
                           target and try again.",
            })),
            Ok(registered) => {
                registered.status = Status::DeleteInProgress;
                registered.delete_requested_at = Some(now);
                deleted.push(registered.show());
                let alarm = {
                    let definition = &registered.definition;
                    Alarm::DeleteDefinition(definition.family.clone(), definition.revision)
                };
                state.agenda.alarm(now.after(DELETION_LOOKS), alarm);
            }
            Err(_) => failures.push(json!({
                "arn": reference,
                "reason": "The specified task definition does not exist. Specify a valid account, family, \
                           revision and try again.",
            })),
        }
    }
    Ok(json!({"taskDefinitions": deleted, "failures": failures}))
}

/// The revision that a request names with its number.
fn exact<'a>(state: &'a mut State, reference: &str) -> Result<&'a mut Registered, ApiError> {
    let name = super::super::arn::last_part(reference, "task-definition");
    let (family, revision) = name.split_once(':').ok_or_else(|| ApiError::invalid("Revision is missing."))?;
    let revision = revision.parse::<u64>().map_err(|_| ApiError::client("Invalid revision number."))?;
    let known = state.families.get_mut(family).and_then(|family| family.revisions.get_mut(&revision));
    known.ok_or_else(|| ApiError::client("Unable to describe task definition."))
}

pub(in crate::ecs) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    let size = page::size(request.whole("maxResults"), 100, 100)?;
    let after = page::key(request.text("nextToken"))?.map(|key| position(&key)).transpose()?;
    let status = request.text("status").unwrap_or("ACTIVE");
    let families: Vec<(&String, &Family)> = match request.text("familyPrefix") {
        // In this operation it is a whole name. Source: the API's description of ListTaskDefinitions.
        Some(name) => state.families.get_key_value(name).into_iter().collect(),
        None => state.families.iter().collect(),
    };
    let all = families.into_iter().flat_map(|(family, known)| {
        known.revisions.iter().map(move |(revision, registered)| (family.as_str(), *revision, registered))
    });
    let descending = request.text("sort") == Some("DESC");
    let all: Box<dyn Iterator<Item = _>> = if descending { Box::new(all.rev()) } else { Box::new(all) };
    let rest = all.filter(|(family, revision, registered)| {
        let is_behind = after.as_ref().is_none_or(|(last_family, last_revision)| {
            let ordering = (*family, *revision).cmp(&(last_family.as_str(), *last_revision));
            if descending { ordering.is_lt() } else { ordering.is_gt() }
        });
        is_behind && registered.status.name() == status
    });
    let page = page::cut(rest, size, |(family, revision, _)| format!("{family}:{revision}"));
    let arns: Vec<&str> = page.items.iter().map(|(_, _, known)| known.definition.arn.as_str()).collect();
    Ok(paged(json!({"taskDefinitionArns": arns}), page.next_token))
}

fn position(key: &str) -> Result<(String, u64), ApiError> {
    let invalid = || ApiError::invalid("Invalid token");
    let (family, revision) = key.split_once(':').ok_or_else(invalid)?;
    Ok((family.to_owned(), revision.parse().map_err(|_| invalid())?))
}

pub(in crate::ecs) fn list_families(state: &State, request: &Value) -> Result<Value, ApiError> {
    let size = page::size(request.whole("maxResults"), 100, 100)?;
    let after = page::key(request.text("nextToken"))?;
    let prefix = request.text("familyPrefix").unwrap_or_default();
    let has_active = |family: &Family| family.latest_active().is_some();
    let wanted = |family: &Family| match request.text("status").unwrap_or("ALL") {
        "ACTIVE" => has_active(family),
        "INACTIVE" => !has_active(family),
        _ => true,
    };
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let families = state
        .families
        .range::<String, _>((start, Bound::Unbounded))
        .filter(|(name, family)| name.starts_with(prefix) && wanted(family))
        .map(|(name, _)| name);
    let page = page::cut(families, size, |name| (*name).clone());
    Ok(paged(json!({"families": page.items}), page.next_token))
}
