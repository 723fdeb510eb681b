//! What one look at an object, or at the manifests, found: all that the status is made from.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use coxswain_manifest::{BundleDigest, ContentDigest, Diagnostic, Key};
use coxswain_plan::{Desired, Observed, Plan, Reason};
use coxswain_runtime::NextLook;
use jiff::{SignedDuration, Timestamp};

use crate::{
    authority::Right as _,
    context::Context,
    phase::{PhaseError, Retry},
    source::{Origin, Verification},
};

/// Takes reports: the one writer of status.
#[async_trait]
pub trait Reporter: Debug + Send + Sync {
    /// A term of ours begins: what was written to the store meanwhile was written by others.
    async fn begin(&self) {}

    /// One look at an object, whatever became of it.
    async fn object(&self, report: Report);

    /// One reading of the manifests, whatever became of it.
    async fn source(&self, report: SourceReport);
}

/// One look at one object.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which object.
    pub key: Key,
    /// When the look began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the manifests ask, where they could be used.
    pub desired: Option<Arc<Desired>>,
    /// What was seen, where ECS answered.
    pub observed: Option<Arc<Observed>>,
    /// What was decided.
    pub plan: Option<Arc<Plan>>,
    /// The API names of the steps that were carried out, in order.
    pub done: Vec<&'static str>,
    /// Whether the kill switch was set.
    pub is_stopped: bool,
    /// Why the look ended early, where it did.
    pub error: Option<PhaseError>,
    /// When the object is looked at again, where a time is set; the drift sweep comes in any case.
    pub next_look_at: Option<Timestamp>,
}

impl Report {
    /// Begins a look.
    pub fn begin(key: &Key, now: Timestamp) -> Self {
        Self {
            key: key.clone(),
            began_at: now,
            ended_at: now,
            desired: None,
            observed: None,
            plan: None,
            done: Vec::new(),
            is_stopped: false,
            error: None,
            next_look_at: None,
        }
    }

    /// Ends a look: the one exit, where the status is written and the next look set.
    pub async fn finish(mut self, result: Result<(), PhaseError>, cx: &Context) -> NextLook {
        let now = cx.clock.now();
        self.ended_at = now;
        let next = match &result {
            Ok(()) => self.after_success(cx.policy.rollout_interval, now),
            Err(error) => match error.retry(now) {
                Retry::AfterChange => NextLook::AfterChange,
                Retry::Backoff | Retry::ObserveFirst => NextLook::Backoff,
                Retry::At(at) => self.at(at),
            },
        };
        self.error = result.err();
        if cx.authority.may_write().is_err() {
            // It tells of a term that is over; whoever leads now has its own.
            return NextLook::AfterChange;
        }
        cx.reporter.object(self).await;
        next
    }

    /// What was just changed is looked at again soon; else the plan says, or the drift sweep comes.
    fn after_success(&mut self, soon: SignedDuration, now: Timestamp) -> NextLook {
        let planned = self.plan.as_ref().and_then(|plan| plan.look_again_at);
        let changed = (!self.done.is_empty()).then(|| now.checked_add(soon).unwrap_or(Timestamp::MAX));
        match planned.into_iter().chain(changed).min() {
            None => NextLook::AfterChange,
            Some(at) => self.at(at),
        }
    }

    fn at(&mut self, at: Timestamp) -> NextLook {
        self.next_look_at = Some(at);
        NextLook::At(at)
    }
}

/// One reading of the manifests.
#[derive(Debug, Clone)]
pub struct SourceReport {
    /// When it was read.
    pub at: Timestamp,
    /// Where from, for people.
    pub from: String,
    /// Whether it could be used whole.
    pub is_ready: bool,
    /// `SourceRead`, or why not.
    pub reason: Reason,
    /// In words.
    pub message: String,
    /// What is wrong with it, warnings included.
    pub diagnostics: Vec<Diagnostic>,
    /// The digest of what was read, also where it could not be used.
    pub seen: Option<BundleDigest>,
    /// The bundle that was refused, where one was.
    pub refused: Option<ContentDigest>,
    /// What stands.
    pub accepted: Option<Accepted>,
    /// The objects that stand.
    pub objects: Vec<Key>,
}

/// The manifests that stand.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// `<bundle sequence>.<input number>`.
    pub revision: String,
    /// What their documents say.
    pub digest: BundleDigest,
    /// The bundle's sequence, or the controller's own number of a set of files.
    pub sequence: u64,
    /// References that stand for something else than at the input number before.
    pub changed: Vec<String>,
    /// Where they come from, where they came as a bundle.
    pub origin: Option<Origin>,
    /// What is known of who made them; nothing where that is not asked.
    pub verification: Option<Verification>,
}
