//! What a plan may do, apart from the manifests.

use jiff::SignedDuration;

/// What a plan may do, apart from the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// From one look at a rollout in flight to the next.
    pub rollout_interval: SignedDuration,
    /// How long ECS's answers may lag behind a call: until then a rollout that was sent and is not to be
    /// seen is *in doubt*, after it the call is taken for one that never arrived.
    pub settle: SignedDuration,
    /// Corrections of the same field within an hour until Coxswain stops and asks.
    pub corrections_per_hour: usize,
    /// Whether a person asked for the held rollout again.
    ///
    /// Stays so until a plan made with it was carried out to its end and did not wait on a call in doubt:
    /// taken back sooner, a retry that never arrived would be lost.
    pub retry: bool,
    /// Whether the kill switch is set: what differs is said, and nothing is sent.
    pub stopped: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rollout_interval: SignedDuration::from_secs(5),
            settle: SignedDuration::from_secs(10),
            corrections_per_hour: 5,
            retry: false,
            stopped: false,
        }
    }
}
