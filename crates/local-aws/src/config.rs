//! What a local ECS is told at its start.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{journal::Journal, switches::Switches};

/// Where the local ECS pretends to be, and how it behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The account of those whose keys name none: twelve digits, a part of every ARN.
    pub account: String,
    /// The region of requests that name none, a part of every ARN.
    pub region: String,
    /// Accounts by the ids of their access keys. A key that stands in none and is not twelve digits is of
    /// `account`.
    pub access_keys: BTreeMap<String, String>,
    /// Makes every id repeatable; without it they differ from run to run.
    pub seed: Option<u64>,
    /// How long things take.
    pub timing: Timing,
    /// How many requests are remembered for reading back; the oldest are forgotten first.
    pub requests_kept: usize,
    /// Where every distinct request is written down; nowhere without it.
    pub journal: Option<Arc<Journal>>,
    /// How many availability zones the region has, 1 to 26.
    pub zones: usize,
    /// Whether ECS's requests are throttled by the buckets that ECS documents.
    pub throttles: bool,
    /// What AWS leaves unsettled.
    pub switches: Switches,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            access_keys: BTreeMap::new(),
            seed: None,
            timing: Timing::default(),
            requests_kept: 1_000,
            journal: None,
            zones: 3,
            throttles: false,
            switches: Switches::default(),
        }
    }
}

/// How long ECS's own steps take.
///
/// The defaults are ECS's where ECS's are documented, and short where the delay is only a cloud's
/// (an address is there at once on this machine).
#[derive(Debug, Clone)]
pub struct Timing {
    /// A task's time in PROVISIONING.
    pub provisioning: Duration,
    /// A task's time in DEPROVISIONING.
    pub deprovisioning: Duration,
    /// How long a task without a health check has to be RUNNING to count as healthy.
    ///
    /// ECS's is 40 s. Source:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>
    pub healthy_after: Duration,
    /// How long a STOPPED task is described: about an hour in ECS.
    pub stopped_kept: Duration,
    /// How long an INACTIVE service is described; ECS documents no figure.
    pub inactive_kept: Duration,
    /// The least time from the start of a rollback to its completion.
    ///
    /// A published rollback of one task took 79 s; this is long enough to be seen by whoever polls.
    pub rollback: Duration,
    /// How long alarms are watched after a rolling deployment is full and its old tasks are gone.
    ///
    /// ECS computes it from the alarms; it is under 5 minutes. Source:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>
    pub alarm_bake: Duration,
    /// How long what ECS says takes to a queue that a rule sends it to: near real time in AWS.
    pub event_delivery: Duration,
    /// How long what CloudTrail says of a call takes there. AWS names no figure; minutes are usual in
    /// its log files. Source:
    /// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>
    pub api_call_delivery: Duration,
    /// The pause after the second launch in a row that never ran; it doubles from launch to launch.
    pub first_backoff: Duration,
    /// The longest such pause, 15 minutes in ECS. Source:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>
    pub longest_backoff: Duration,
    /// From a request to Cloud Map to its effect: some seconds in AWS, which names no figure.
    ///
    /// In that time a task that is stopped can still be found, though it has had its SIGTERM.
    pub map_operation: Duration,
    /// From a report of an instance's health to its effect, about 30 s in Cloud Map. Source:
    /// <https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html>
    pub map_health: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            provisioning: Duration::from_millis(300),
            deprovisioning: Duration::from_millis(300),
            healthy_after: Duration::from_secs(40),
            stopped_kept: Duration::from_hours(1),
            inactive_kept: Duration::from_hours(1),
            rollback: Duration::from_secs(5),
            alarm_bake: Duration::from_mins(3),
            event_delivery: Duration::ZERO,
            api_call_delivery: Duration::from_secs(1),
            first_backoff: Duration::from_secs(10),
            longest_backoff: Duration::from_mins(15),
            map_operation: Duration::from_secs(1),
            map_health: Duration::from_secs(30),
        }
    }
}
