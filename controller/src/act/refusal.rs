//! What AWS has refused as it is, so that the same is not sent at every look.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use coxswain_manifest::Key;
use coxswain_plan::Plan;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::{aws::Failure, phase::PhaseError};

/// The same steps are tried again after so long: what they refer to may have come into being meanwhile.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The last refusal of each object's steps.
///
/// Nothing depends on it but the number of calls: after a restart the same is refused once more.
#[derive(Debug, Default)]
pub struct Refusals {
    last: Mutex<HashMap<Key, Refusal>>,
}

#[derive(Debug)]
struct Refusal {
    steps: [u8; 32],
    at: Timestamp,
    error: PhaseError,
}

impl Refusals {
    /// Why the steps of that plan are not sent now: AWS has refused the very same a short while ago.
    pub(super) fn standing(&self, plan: &Plan, now: Timestamp) -> Option<PhaseError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = last.get(&plan.key)?;
        let is_recent = now.duration_since(refusal.at) < AGAIN_AFTER;
        (is_recent && refusal.steps == digest(plan)).then(|| refusal.error.clone())
    }

    /// Remembers how the steps of that plan went.
    pub(super) fn note(&self, plan: &Plan, result: &Result<(), PhaseError>, now: Timestamp) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Err(error) if is_refusal(error) => {
                last.insert(plan.key.clone(), Refusal { steps: digest(plan), at: now, error: error.clone() });
            }
            _ => drop(last.remove(&plan.key)),
        }
    }
}

fn is_refusal(error: &PhaseError) -> bool {
    matches!(error, PhaseError::Act { source, .. } if matches!(source.failure, Failure::Invalid { .. }))
}

fn digest(plan: &Plan) -> [u8; 32] {
    let mut hash = Sha256::new();
    for planned in &plan.steps {
        // A step is a value of texts and numbers; one that JSON did not carry would only be sent again.
        hash.update(serde_json::to_vec(&planned.step).unwrap_or_default());
        hash.update("\n");
    }
    hash.finalize().into()
}
