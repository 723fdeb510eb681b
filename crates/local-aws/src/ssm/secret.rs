//! `secrets[].valueFrom`: a parameter that a task names.

use super::store::Parameters;
use crate::clock::Time;

impl Parameters {
    /// The value that a task definition's `valueFrom` names: a parameter's ARN, or its name in this
    /// region.
    pub(crate) fn secret(&self, value_from: &str, _now: Time) -> Option<String> {
        self.current(self.name_of(value_from)).map(|stored| stored.value.clone())
    }
}
