//! What Coxswain remembers of one object between looks: the third way of the three-way difference.
//!
//! The record is written before a call that starts a rollout and after every call, so that a process
//! that dies in between finds, at its next look, what it was about to do.

use std::collections::BTreeMap;

use coxswain_ecs_model::{Canonical, RolloutDigest, TaskDefinitionDigest};
use coxswain_manifest::Key;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    cause::Cause,
    reason::Reason,
    step::{Event, RolloutEnd},
};

/// The layout of [`Record`] that this version writes and reads.
pub const RECORD_SCHEMA: u32 = 1;

/// The number of ends that a record remembers. One may end, and the next begin, in a look that dies before it
/// is told; the look after it may find the next ended, too.
const ENDS_KEPT: usize = 2;

/// The number of registered revisions that a record remembers.
const REVISIONS_KEPT: usize = 20;

/// What is remembered of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_SCHEMA`].
    pub schema: u32,
    /// The lease's epoch under which it was written; 0 where one controller runs alone.
    pub epoch: u64,
    /// Whose record it is.
    pub key: Key,
    /// The live service, once it is known to be ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What AWS accepted last, however the rollout ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent: Option<Sent>,
    /// What was about to be sent when the record was written; its outcome is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<Sent>,
    /// When the last change was about to be sent: for a while after it, answers may still be stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The last rollout that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Good>,
    /// Revisions that we registered, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Revision>,
    /// The rollout that we started and whose end we have not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Rollout>,
    /// How the last rollouts ended, oldest first, for the history: told at every look, so that a process
    /// which dies between storing the record and telling it loses nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<Event>,
    /// What is not tried again until the manifest changes or somebody says retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Corrections of drift within the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
}

impl Record {
    /// The record of an object that was never seen.
    pub fn new(key: Key) -> Self {
        Self {
            schema: RECORD_SCHEMA,
            epoch: 0,
            key,
            identity: None,
            last_sent: None,
            sending: None,
            sent_at: None,
            last_good: None,
            revisions: Vec::new(),
            in_flight: None,
            ends: Vec::new(),
            hold: None,
            corrections: Vec::new(),
        }
    }

    /// The newest revision that we registered with that digest.
    pub fn revision(&self, digest: &TaskDefinitionDigest) -> Option<&Revision> {
        self.revisions.iter().rev().find(|revision| revision.digest == *digest)
    }

    /// Whether that ARN is a revision of ours that once ran well.
    pub fn was_good(&self, arn: &str) -> bool {
        self.revisions.iter().any(|revision| revision.good && revision.arn == arn)
    }

    /// Remembers how a rollout ended, and forgets the oldest end.
    pub(crate) fn ended(&mut self, end: Event) {
        self.ends.push(end);
        let spare = self.ends.len().saturating_sub(ENDS_KEPT);
        self.ends.drain(..spare);
    }

    /// Remembers a revision, and forgets the oldest that nothing refers to.
    ///
    /// An ARN that is known with another digest is another definition now: a local ECS that was started
    /// anew counts its revisions from 1. What was known of the earlier one says nothing of it.
    pub fn remember(&mut self, digest: TaskDefinitionDigest, arn: String) {
        if self.revisions.iter().any(|revision| revision.arn == arn && revision.digest == digest) {
            return;
        }
        self.revisions.retain(|revision| revision.arn != arn);
        self.revisions.push(Revision { digest, arn, good: false });
        while self.revisions.len() > REVISIONS_KEPT {
            let kept = [
                self.last_good.as_ref().map(|good| good.task_definition_arn.clone()),
                self.in_flight.as_ref().map(|rollout| rollout.task_definition_arn.clone()),
            ];
            let oldest = self
                .revisions
                .iter()
                .position(|revision| !kept.iter().flatten().any(|arn| *arn == revision.arn));
            match oldest {
                Some(index) => drop(self.revisions.remove(index)),
                None => break,
            }
        }
    }
}

impl Rollout {
    /// Its end, as the history tells it.
    pub(crate) fn end(&self, succeeded: bool, cause: Option<Cause>) -> RolloutEnd {
        RolloutEnd {
            rollout: self.rollout.to_string(),
            task_definition_arn: self.task_definition_arn.clone(),
            deployment_id: self.deployment_id.clone(),
            started_at: self.sent_at,
            succeeded,
            revision: self.revision.clone(),
            cause,
        }
    }

    /// Its end by a deployment that came after it.
    pub(crate) fn superseded(&self, now: Timestamp, by: &str) -> Event {
        Event {
            at: now,
            reason: Reason::Superseded,
            message: format!("{by} before it had ended"),
            rollout: Some(self.end(false, None)),
        }
    }
}

/// Which live service it is: a name used again has the same ARN and another creation time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The service's ARN.
    pub arn: String,
    /// ECS's `createdAt`.
    pub created_at: Timestamp,
}

/// What was sent to ECS for a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The task definition's digest.
    pub task_definition: TaskDefinitionDigest,
    /// Digest of all that triggers a deployment.
    pub rollout: RolloutDigest,
    /// The service's members.
    pub service: Canonical,
    /// The desired count, where the manifest owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<u32>,
    /// Our tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A rollout that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// The revision's ARN.
    pub task_definition_arn: String,
    /// Digest of all that triggers a deployment.
    pub rollout: RolloutDigest,
    /// When its success was seen.
    pub at: Timestamp,
}

/// A revision of the task definition that we registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Of the canonical definition.
    pub digest: TaskDefinitionDigest,
    /// With its number.
    pub arn: String,
    /// Whether a rollout of it succeeded.
    #[serde(default)]
    pub good: bool,
}

/// A rollout that we started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Digest of all that triggers a deployment.
    pub rollout: RolloutDigest,
    /// The revision that it rolls out.
    pub task_definition_arn: String,
    /// `ecs-svc/N`, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// Deployment ids that existed before the call: ours is none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// When the call was about to be sent.
    pub sent_at: Timestamp,
    /// `<bundle sequence>.<input number>` of the manifest.
    pub revision: String,
    /// Why it was started.
    pub reason: Reason,
}

/// A digest that is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What is held.
    pub rollout: RolloutDigest,
    /// Why.
    pub reason: Reason,
    /// In words, with ECS's own.
    pub message: String,
    /// The deployment that failed, `ecs-svc/N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// What the failing tasks died of, where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Since when.
    pub since: Timestamp,
}

/// A correction of drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// When.
    pub at: Timestamp,
    /// The fields that were corrected.
    pub paths: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> TaskDefinitionDigest {
        format!("v1:sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
    }

    #[test]
    fn an_arn_that_comes_with_another_digest_is_another_revision_and_not_known_to_be_good() {
        let mut record = Record::new(Key::service("dev", "api"));
        record.remember(digest('a'), "arn:1".to_owned());
        record.revisions[0].good = true;
        record.remember(digest('a'), "arn:1".to_owned());
        assert!(record.was_good("arn:1"));
        record.remember(digest('b'), "arn:1".to_owned());
        assert!(!record.was_good("arn:1"));
        assert_eq!(record.revision(&digest('a')), None);
        assert_eq!(record.revision(&digest('b')).map(|revision| revision.arn.as_str()), Some("arn:1"));
    }

    #[test]
    fn the_last_two_ends_are_remembered() {
        let mut record = Record::new(Key::service("dev", "api"));
        let end = |second| Event {
            at: Timestamp::from_second(second).unwrap(),
            reason: Reason::RolloutCompleted,
            message: String::new(),
            rollout: None,
        };
        (1..=3).for_each(|second| record.ended(end(second)));
        assert_eq!(record.ends, [end(2), end(3)]);
    }
}
