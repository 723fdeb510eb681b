//! Whether the differences shown are those that there are, and ours.

use coxswain_ecs_model::{Effect, FieldDifference, Owner};
use serde_json::Value;

use super::{Case, Found, Rule, member_of};
use crate::observed::LiveService;

pub(super) fn judge(case: &Case, found: &mut Found) {
    for planned in &case.plan.steps {
        for difference in &planned.differences {
            found.demand(case.plan.differences.contains(difference), Rule::DifferenceInvented, || {
                format!("{} is a difference of a step and not of the plan", difference.path)
            });
        }
    }
    for difference in &case.plan.differences {
        let path = &difference.path;
        found.demand(is_owned(case, difference), Rule::DifferenceNotOwned, || {
            format!("{path} is shown as a difference and is not ours")
        });
        found.demand(!is_ignored(case, path), Rule::DifferenceIgnored, || {
            format!("{path} is shown although the manifest ignores it")
        });
        let is_masked = difference.sensitive;
        found.demand(is_masked || difference.desired != difference.live, Rule::DifferenceInvented, || {
            format!("{path} is the same on both sides")
        });
    }
    if let Some(live) = case.ours() {
        complete(case, live, found);
    }
}

fn is_owned(case: &Case, difference: &FieldDifference) -> bool {
    if difference.effect == Effect::NewRevision {
        return true;
    }
    let sent: Vec<_> = [&case.record.last_sent, &case.record.sending].into_iter().flatten().collect();
    let is_ours = difference.owner == Owner::Manifest;
    if let Some(key) = tag_key(&difference.path) {
        let is_wanted = case.desired.tags.contains_key(key);
        return if is_ours {
            is_wanted
        } else {
            !is_wanted && sent.iter().any(|sent| sent.tags.contains_key(key))
        };
    }
    if difference.path == "desiredCount" {
        return is_ours && case.desired.desired_count().is_some();
    }
    // Structures are replaced whole, save the deployment configuration, which ECS merges.
    let depth = if member_of(&difference.path) == "deploymentConfiguration" { 2 } else { 1 };
    let names = |service: &Value| at(service, &difference.path, depth).is_some();
    let is_named = names(case.desired.service.as_value());
    if is_ours { is_named } else { sent.iter().any(|sent| names(sent.service.as_value())) }
}

/// Of the path the first `depth` members.
fn at<'a>(service: &'a Value, path: &str, depth: usize) -> Option<&'a Value> {
    let plain = path.split('[').next().unwrap_or_default();
    plain.split('.').take(depth).try_fold(service, |value, name| value.get(name))
}

fn tag_key(path: &str) -> Option<&str> {
    path.strip_prefix("tags[")?.strip_suffix(']')
}

fn is_ignored(case: &Case, path: &str) -> bool {
    case.desired.ignore_differences.iter().any(|ignored| {
        path.strip_prefix(ignored.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

fn complete(case: &Case, live: &LiveService, found: &mut Found) {
    let has = |path: &str| case.plan.differences.iter().any(|difference| difference.path == path);
    let ignores_any = !case.desired.ignore_differences.is_empty();

    let count_differs = case.desired.desired_count().is_some_and(|count| count != live.desired_count);
    let is_shown = has("desiredCount");
    found.demand(!count_differs || is_shown || ignores_any, Rule::DifferenceMissing, || {
        "the count differs and is not shown".to_owned()
    });
    found.demand(!is_shown || count_differs, Rule::DifferenceInvented, || {
        "desiredCount is shown and does not differ".to_owned()
    });

    if let Some(definition) = &live.task_definition.definition {
        let differs = *definition != case.desired.task_definition;
        let effects = case.plan.differences.iter().map(|difference| difference.effect);
        let is_shown = effects.into_iter().any(|effect| effect == Effect::NewRevision);
        found.demand(!differs || is_shown || ignores_any, Rule::DifferenceMissing, || {
            "the definition differs and no member of it is shown".to_owned()
        });
        found.demand(!is_shown || differs, Rule::DifferenceInvented, || {
            "a member of the definition is shown and the definition does not differ".to_owned()
        });
    }

    for (key, value) in &case.desired.tags {
        let differs = live.tags.get(key) != Some(value);
        found.demand(
            !differs || has(&format!("tags[{key}]")) || ignores_any,
            Rule::DifferenceMissing,
            || format!("the tag {key} differs and is not shown"),
        );
    }
}
