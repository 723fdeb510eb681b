//! Differences and plans as people read them: `~ path: live → desired`.

use coxswain_controller::status::{Difference, FieldOwner, PlannedStep};
use serde_json::Value;

use super::{BOLD, DIM, GREEN, RED, Terminal, YELLOW, styled};

/// The longest value that is shown whole; a whole container would hide the rest. Units: characters.
const VALUE_CHARACTERS: usize = 160;

/// A step and why, in one line.
pub(crate) fn step(step: &PlannedStep) -> String {
    format!("{} ({}): {}", styled(BOLD, &step.operation), step.reason, step.because)
}

impl Terminal {
    /// One difference in one line, and a word on what settling it takes.
    pub(crate) fn difference(&self, difference: &Difference) -> String {
        let arrow = if self.is_utf8 { "→" } else { "->" };
        let path = &difference.path;
        let line = match (&difference.live, &difference.desired) {
            (None, Some(desired)) => styled(GREEN, &format!("+ {path}: {}", value(desired))),
            (Some(live), None) => styled(RED, &format!("- {path}: {}", value(live))),
            (live, desired) => {
                let show = |side: &Option<Value>| side.as_ref().map_or_else(|| "none".to_owned(), value);
                let same = live == desired && live.is_some();
                let changed = if same {
                    format!("{} (changed)", show(desired))
                } else {
                    format!("{} {arrow} {}", show(live), show(desired))
                };
                styled(YELLOW, &format!("~ {path}: {changed}"))
            }
        };
        let mut notes = vec![difference.effect.words().to_owned()];
        if difference.owner == FieldOwner::Removed {
            notes.push("removed from the manifest, reset".to_owned());
        }
        notes.extend(difference.origin.clone());
        format!("{line}  {}", styled(DIM, &format!("({})", notes.join("; "))))
    }
}

/// A value in one line.
fn value(value: &Value) -> String {
    let text = match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= VALUE_CHARACTERS {
        return text;
    }
    let start: String = text.chars().take(VALUE_CHARACTERS).collect();
    format!("{start}... ({} characters)", text.chars().count())
}

/// Whether a text is read rightly without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '"')
}

#[cfg(test)]
mod tests {
    use coxswain_controller::status::FieldEffect;
    use serde_json::json;

    use super::*;
    use crate::{arguments::Colour, config::Surroundings};

    fn shown(live: Option<Value>, desired: Option<Value>, owner: FieldOwner) -> String {
        let terminal = Terminal::new(Colour::Never, &Surroundings { is_utf8: true });
        let difference = Difference {
            path: "a[b].c".to_owned(),
            desired,
            live,
            owner,
            effect: FieldEffect::InPlace,
            origin: Some("api.yaml:3:5".to_owned()),
        };
        anstream::adapter::strip_str(&terminal.difference(&difference)).to_string()
    }

    #[test]
    fn a_difference_reads_from_what_is_to_what_will_be() {
        let manifest = FieldOwner::Manifest;
        let cases = [
            (Some(json!(5)), Some(json!(2)), "~ a[b].c: 5 → 2  (in place; api.yaml:3:5)"),
            (None, Some(json!("x y")), "+ a[b].c: \"x y\"  (in place; api.yaml:3:5)"),
            (Some(json!(["z"])), None, "- a[b].c: [\"z\"]  (in place; api.yaml:3:5)"),
            (Some(json!("***")), Some(json!("***")), "~ a[b].c: *** (changed)  (in place; api.yaml:3:5)"),
        ];
        for (live, desired, expected) in cases {
            assert_eq!(shown(live, desired, manifest), expected);
        }
    }

    #[test]
    fn a_member_that_left_the_manifest_is_said_to_be_reset() {
        let text = shown(Some(json!(60)), Some(json!(0)), FieldOwner::Removed);
        assert!(text.contains("removed from the manifest, reset"), "{text}");
    }

    #[test]
    fn a_long_value_is_cut_and_says_how_long_it_was() {
        let text = shown(None, Some(json!("x".repeat(500))), FieldOwner::Manifest);
        assert!(text.contains("... (500 characters)"), "{text}");
    }
}
