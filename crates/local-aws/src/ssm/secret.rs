//! `secrets[].valueFrom`: a parameter that a task names.

use super::{Around, reference, store::Parameters};
use crate::{clock::Time, ecs::Members};

impl Parameters {
    /// The value that a task definition's `valueFrom` names: a parameter's ARN, or its name in this
    /// region, which may refer to a secret. `None` where there is none, or its key cannot be used.
    pub(crate) fn secret(&mut self, value_from: &str, around: &dyn Around, now: Time) -> Option<String> {
        self.expire(now);
        if let Some(secret) = reference::secret(value_from) {
            let shown = reference::read(value_from, secret, true, around).ok()?;
            return shown.text("Value").map(str::to_owned);
        }
        let content = &self.current(self.name_of(value_from))?.content;
        let is_readable = content.key.as_deref().is_none_or(|key| around.key(key).is_ok());
        is_readable.then(|| content.value.clone())
    }
}
