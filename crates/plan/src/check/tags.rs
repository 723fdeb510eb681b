//! Whose tags are touched.

use super::{Case, Found, Rule};
use crate::step::Step;

/// AWS's own; no request may name them.
const RESERVED: &str = "aws:";

pub(super) fn judge(case: &Case, found: &mut Found) {
    for step in case.steps() {
        match step {
            Step::TagResource { arn, tags } => {
                touched(case, "TagResource", arn, tags.keys(), found);
                for (key, value) in tags.iter().filter(|(key, _)| !is_reserved(key)) {
                    found.demand(case.desired.tags.get(key) == Some(value), Rule::WrongTag, || {
                        format!("the tag {key} is not set as it is wanted")
                    });
                }
            }
            Step::UntagResource { arn, keys } => {
                touched(case, "UntagResource", arn, keys.iter(), found);
                for key in keys.iter().filter(|key| !is_reserved(key)) {
                    found.demand(is_left_over(case, key), Rule::ForeignTag, || {
                        format!(
                            "the tag {key} is taken off, and it is not one that we had set and want no more"
                        )
                    });
                }
            }
            _ => {}
        }
    }
}

fn touched<'a>(
    case: &Case,
    operation: &str,
    arn: &str,
    keys: impl Iterator<Item = &'a String>,
    found: &mut Found,
) {
    let live = case.observed.service.active();
    let is_target = live.is_none_or(|live| live.identity.arn == arn);
    found.demand(is_target, Rule::WrongTarget, || format!("{operation} goes to {arn}"));
    let mut count = 0_usize;
    for key in keys {
        count += 1;
        found.demand(!is_reserved(key), Rule::ReservedTag, || format!("{operation} names {key}"));
    }
    found.demand(count > 0, Rule::EmptyChange, || format!("{operation} names no tag"));
}

fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with(RESERVED)
}

fn is_left_over(case: &Case, key: &str) -> bool {
    let sent = [&case.record.last_sent, &case.record.sending];
    let was_set = sent.into_iter().flatten().any(|sent| sent.tags.contains_key(key));
    was_set && !case.desired.tags.contains_key(key)
}
