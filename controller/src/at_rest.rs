//! Values that are kept for every object and looked at rarely, kept small.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::packed::Packed;

/// A value kept as packed JSON and read back when it is looked at.
///
/// As a tree of maps a task definition takes about ten times as much memory as its text: a map of three
/// members is a node with room for eleven. The controller holds several such values for every object and
/// looks at a few at a time. Clones share the text.
///
/// # Guarantees
/// What is read back equals what was put in. A value that JSON does not carry whole is kept as it is.
#[derive(Debug, Clone)]
pub(crate) struct AtRest<T>(Form<T>);

#[derive(Debug, Clone)]
enum Form<T> {
    /// Shown to read back equal when it was made.
    Json(Packed),
    Whole(Arc<T>),
}

impl<T: Clone + PartialEq + Serialize + DeserializeOwned + 'static> AtRest<T> {
    /// Lays a value to rest.
    pub(crate) fn new(value: T) -> Self {
        let packed = serde_json::to_string(&value).ok().map(|json| Packed::new::<T>(&json));
        match packed.filter(|packed| read::<T>(packed).is_some_and(|back| back == value)) {
            Some(packed) => Self(Form::Json(packed)),
            None => Self(Form::Whole(Arc::new(value))),
        }
    }

    /// The value.
    pub(crate) fn get(&self) -> T {
        match &self.0 {
            #[expect(clippy::expect_used, reason = "the very same bytes were read when it was made")]
            Form::Json(packed) => read(packed).expect("JSON that was read before reads again"),
            Form::Whole(value) => T::clone(value),
        }
    }

    /// Whether it is that value, without reading it back.
    pub(crate) fn is(&self, value: &T) -> bool {
        match &self.0 {
            Form::Json(packed) => {
                serde_json::to_string(value).is_ok_and(|json| *packed == Packed::new::<T>(&json))
            }
            Form::Whole(own) => **own == *value,
        }
    }
}

fn read<T: DeserializeOwned + 'static>(packed: &Packed) -> Option<T> {
    serde_json::from_slice(&packed.unpack::<T>().ok()?).ok()
}

/// Equal values rest in the same form, and have the same bytes: every map in them is sorted.
impl<T: PartialEq> PartialEq for AtRest<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Json(one), Form::Json(other)) => one == other,
            (Form::Whole(one), Form::Whole(other)) => one == other,
            (Form::Json(_), Form::Whole(_)) | (Form::Whole(_), Form::Json(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    /// JSON loses a part of it, as it does a float that is no number.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Lossy {
        kept: u32,
        #[serde(skip)]
        lost: u32,
    }

    #[test]
    fn what_is_read_back_equals_what_was_put_in() {
        let value = json!({"b": [1, 0.1, 1e300, null, "\u{1f6a2} \" \\"], "a": {"deep": {"er": {}}}});
        let resting = AtRest::new(value.clone());
        assert!(matches!(resting.0, Form::Json(_)));
        assert_eq!(resting.get(), value);
        assert!(resting.is(&value));
        assert!(!resting.is(&json!({"b": []})));
    }

    #[test]
    fn a_value_that_json_does_not_carry_whole_is_kept_as_it_is() {
        let value = Lossy { kept: 1, lost: 2 };
        let resting = AtRest::new(value.clone());
        assert_eq!(resting.get(), value);
        assert!(resting.is(&value));
        assert!(!resting.is(&Lossy { kept: 1, lost: 3 }));
        assert_ne!(resting, AtRest::new(Lossy { kept: 1, lost: 0 }));
    }

    #[test]
    fn too_deep_for_the_reader_is_kept_as_it_is() {
        let deep = (0..500).fold(Value::Null, |value, _| json!([value]));
        assert_eq!(AtRest::new(deep.clone()).get(), deep);
    }

    #[test]
    fn equal_values_are_equal_at_rest() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": 2}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b": 2, "a": 1}"#).unwrap();
        assert_eq!(AtRest::new(one), AtRest::new(other));
        assert_ne!(AtRest::new(json!(1)), AtRest::new(json!(2)));
    }
}
