//! Tags, as the services beside ECS keep and spell them.

use serde_json::{Map, Value};

use crate::ecs::Members;

/// Most tags of a resource. Source: AWS general reference, tag naming limits.
pub(crate) const MOST_TAGS: usize = 50;

/// How a service spells the members of a tag: `Key` and `Value`, or `TagKey` and `TagValue`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling {
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
}

/// Why tags are refused; each service has its own codes for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A key begins with `aws:`, in any case.
    Reserved,
    /// A request names a key twice.
    Duplicate,
    /// There would be more than [`MOST_TAGS`].
    TooMany,
}

/// A resource's tags, in the order in which their keys first came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<(String, String)>);

impl Labels {
    /// Sets the tags of a request; all of them or none.
    pub(crate) fn add(&mut self, tags: &[Value], spelling: Spelling) -> Result<(), Refused> {
        let mut changed = self.clone();
        for (position, tag) in tags.iter().enumerate() {
            let key = tag.text(spelling.key).unwrap_or_default();
            if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
                return Err(Refused::Reserved);
            }
            if tags.iter().take(position).any(|other| other.text(spelling.key) == Some(key)) {
                return Err(Refused::Duplicate);
            }
            let value = tag.text(spelling.value).unwrap_or_default().to_owned();
            match changed.0.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => *known = value,
                None => changed.0.push((key.to_owned(), value)),
            }
        }
        if changed.0.len() > MOST_TAGS {
            return Err(Refused::TooMany);
        }
        *self = changed;
        Ok(())
    }

    /// Takes the tags with these keys off.
    pub(crate) fn remove<'a>(&mut self, keys: impl Iterator<Item = &'a str>) {
        for gone in keys {
            self.0.retain(|(key, _)| key != gone);
        }
    }

    /// Keys and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// As the service spells them.
    pub(crate) fn show(&self, spelling: Spelling) -> Value {
        let one = |(key, value): (&str, &str)| {
            Value::Object(Map::from_iter([
                (spelling.key.to_owned(), key.into()),
                (spelling.value.to_owned(), value.into()),
            ]))
        };
        self.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SPELLING: Spelling = Spelling { key: "Key", value: "Value" };

    #[test]
    fn tags_are_set_and_removed_by_key_and_keep_the_order_in_which_they_came() {
        let mut labels = Labels::default();
        labels
            .add(&[json!({"Key": "b", "Value": "1"}), json!({"Key": "a", "Value": "2"})], SPELLING)
            .unwrap();
        labels.add(&[json!({"Key": "b", "Value": "3"})], SPELLING).unwrap();
        assert_eq!(labels.show(SPELLING), json!([{"Key": "b", "Value": "3"}, {"Key": "a", "Value": "2"}]));
        labels.remove(["b", "none"].into_iter());
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2")]);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut labels = Labels::default();
        let many: Vec<Value> = (0..51).map(|number| json!({"Key": number.to_string()})).collect();
        for (tags, why) in [
            (vec![json!({"Key": "a"}), json!({"Key": "AWS:x"})], Refused::Reserved),
            (vec![json!({"Key": "a"}), json!({"Key": "a"})], Refused::Duplicate),
            (many, Refused::TooMany),
        ] {
            assert_eq!(labels.add(&tags, SPELLING), Err(why));
            assert_eq!(labels, Labels::default());
        }
    }
}
