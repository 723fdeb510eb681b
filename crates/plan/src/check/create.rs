//! What is registered and created: whole, as wanted, and so that it is found again.

use coxswain_manifest::Count;
use serde_json::Value;

use super::{Case, Found, Rule};
use crate::{
    desired::{DIGEST_TAG, OWNER_TAG},
    step::Step,
};

pub(super) fn judge(case: &Case, found: &mut Found) {
    for step in case.steps() {
        match step {
            Step::RegisterTaskDefinition { family, known, request, .. } => {
                register(case, family, request, found);
                if let Some(arn) = known {
                    revision(case, arn, found);
                }
            }
            Step::CreateService { request, .. } => create(case, request, found),
            _ => {}
        }
    }
}

fn register(case: &Case, family: &str, request: &Value, found: &mut Found) {
    let is_target = family == case.desired.family && text(request, "family") == Some(family);
    found.demand(is_target, Rule::WrongTarget, || format!("a revision of family {family}"));
    let digest = case.desired.digest.to_string();
    for (key, value) in [(DIGEST_TAG, &digest), (OWNER_TAG, &case.desired.key.environment)] {
        if tag(request, key) != Some(value) {
            found.breach(Rule::RevisionNotTagged, format!("a revision without the tag {key}={value}"));
            return;
        }
    }
    found.demand(request == &case.desired.register, Rule::RegisterNotAsWanted, || {
        "the definition that is registered is not the one that is wanted".to_owned()
    });
}

fn revision(case: &Case, arn: &str, found: &mut Found) {
    let is_ours = case
        .plan
        .record
        .revisions
        .iter()
        .any(|revision| revision.arn == arn && revision.digest == case.desired.digest);
    found.demand(is_ours, Rule::RevisionNotOurs, || {
        format!("{arn} is not remembered as a revision of that digest")
    });
}

fn create(case: &Case, request: &Value, found: &mut Found) {
    let is_target = text(request, "cluster") == Some(&case.desired.cluster)
        && text(request, "serviceName") == Some(&case.desired.service_name);
    found.demand(is_target, Rule::WrongTarget, || "a service of another name or cluster".to_owned());
    let owner = &case.desired.key.environment;
    if tag(request, OWNER_TAG) != Some(owner) {
        found.breach(Rule::CreateNotTagged, format!("a service without the tag {OWNER_TAG}={owner}"));
        return;
    }

    let members = || request.as_object().into_iter().flatten();
    let wanted = |name: &str| case.desired.create.get(name);
    for (name, value) in
        members().filter(|(name, _)| !["desiredCount", "clientToken"].contains(&name.as_str()))
    {
        found.demand(wanted(name) == Some(value), Rule::CreateNotAsWanted, || {
            format!("{name} is not as it is wanted")
        });
    }
    for name in case.desired.create.as_object().into_iter().flatten().map(|(name, _)| name) {
        found.demand(request.get(name).is_some(), Rule::CreateNotAsWanted, || format!("{name} is left out"));
    }

    let count = request.get("desiredCount").and_then(Value::as_u64);
    let is_daemon = text(request, "schedulingStrategy") == Some("DAEMON");
    let is_counted = match case.desired.count {
        _ if is_daemon => count.is_none(),
        Count::Fixed(wanted) => count == Some(u64::from(wanted)),
        // ECS wants one of a REPLICA service, whoever looks after it later.
        Count::Unmanaged => count.is_some(),
    };
    found.demand(is_counted, Rule::WrongCount, || format!("a service is created with count {count:?}"));
}

fn text<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    request.get(name).and_then(Value::as_str)
}

fn tag<'a>(request: &'a Value, key: &str) -> Option<&'a str> {
    let tags = request.get("tags").and_then(Value::as_array)?;
    text(tags.iter().find(|tag| text(tag, "key") == Some(key))?, "value")
}
