//! Service events: ECS's own sentences, the newest hundred.

use std::collections::{BTreeMap, VecDeque};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{clock::Time, id::Random};

/// Events that a service shows. Source: the API's description of `Service.events`.
const MOST: usize = 100;

/// How long a complaint that stands is not repeated. Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html>
const SILENCE: std::time::Duration = std::time::Duration::from_hours(6);

/// A service's events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    newest_first: VecDeque<(String, Time, String)>,
    complaints: BTreeMap<String, Time>,
}

impl Events {
    /// Notes that something happened.
    pub(crate) fn say(&mut self, random: &mut Random, now: Time, service: &str, what: &str) {
        self.newest_first.push_front((random.uuid(), now, format!("(service {service}) {what}")));
        self.newest_first.truncate(MOST);
    }

    /// Notes that something is wrong, unless it was said in the last six hours and still stands; says
    /// whether it did.
    pub(crate) fn complain(&mut self, random: &mut Random, now: Time, service: &str, what: &str) -> bool {
        if self.complaints.get(what).is_some_and(|said| now.since(*said) < SILENCE) {
            return false;
        }
        self.complaints.insert(what.to_owned(), now);
        self.say(random, now, service, what);
        true
    }

    /// All is well: a complaint that comes again is a new one.
    pub(crate) fn settle(&mut self) {
        self.complaints.clear();
    }
}

impl Serialize for Events {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.newest_first.iter().map(|(id, at, message)| Shown {
            id,
            created_at: at.to_json(),
            message,
        }))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: &'a str,
    created_at: Value,
    message: &'a str,
}

/// The sentences, without the service's name before them. Source: published events of real services.
pub(crate) mod words {
    use std::fmt::Write;

    use crate::ecs::Load;

    fn tasks(ids: &[String]) -> String {
        ids.iter().map(|id| format!("(task {id})")).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn started(ids: &[String], replaced: usize) -> String {
        let mut text = format!("has started {} tasks: {}.", ids.len(), tasks(ids));
        if replaced > 0 {
            let _ = write!(text, " Amazon ECS replaced {replaced} tasks due to an unhealthy status.");
        }
        text
    }

    pub(crate) fn stopped(ids: &[String]) -> String {
        format!("has stopped {} running tasks: {}.", ids.len(), tasks(ids))
    }

    pub(crate) fn started_to_rebalance(ids: &[String], zone: &str) -> String {
        format!("has started {} tasks in {zone} to AZ Rebalance: {}.", ids.len(), tasks(ids))
    }

    pub(crate) fn stopped_to_rebalance(id: &str, zone: &str) -> String {
        format!("has stopped 1 running tasks in {zone} due to AZ rebalancing: (task {id}).")
    }

    pub(crate) fn balanced(load: &Load) -> String {
        format!("is AZ balanced with {}.", zones(load))
    }

    pub(crate) fn not_balanced(load: &Load) -> String {
        format!("is not AZ balanced with {}. AZ Rebalancing in progress.", zones(load))
    }

    /// The fullest first.
    fn zones(load: &Load) -> String {
        let mut zones: Vec<(&String, &usize)> = load.iter().collect();
        zones.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        zones.iter().map(|(zone, count)| format!("{count} tasks in {zone}")).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn stopped_pending(count: usize) -> String {
        format!("stopped {count} pending tasks.")
    }

    pub(crate) fn protected(deployment: &str, count: usize) -> String {
        format!(
            "was unable to reach steady state because (taskSet {deployment}) was unable to scale in due to (reason \
             {count} tasks under protection)"
        )
    }

    pub(crate) fn unhealthy(id: &str) -> String {
        format!("(task {id}) failed container health checks.")
    }

    pub(crate) fn registered(count: usize, group: &str) -> String {
        format!("registered {count} targets in (target-group {group})")
    }

    pub(crate) fn deregistered(count: usize, group: &str) -> String {
        format!("deregistered {count} targets in (target-group {group})")
    }

    pub(crate) fn draining(count: usize) -> String {
        format!("has begun draining connections on {count} tasks.")
    }

    pub(crate) fn unhealthy_in(id: &str, port: u16, group: &str, reason: &str) -> String {
        format!("(task {id}) (port {port}) is unhealthy in (target-group {group}) due to (reason {reason})")
    }

    pub(crate) fn completed(deployment: &str) -> String {
        format!("(deployment {deployment}) deployment completed.")
    }

    pub(crate) fn failed(deployment: &str, why: &str) -> String {
        format!("(deployment {deployment}) deployment failed: {why}")
    }

    pub(crate) fn rolling_back(deployment: &str) -> String {
        format!("rolling back to deployment {deployment}.")
    }

    pub(crate) const STEADY: &str = "has reached a steady state.";

    pub(crate) const INCONSISTENT: &str = "is unable to consistently start tasks successfully.";

    pub(crate) const STUCK: &str = "was unable to stop or start tasks during a deployment because of the service \
                                    deployment configuration. Update the minimumHealthyPercent or maximumPercent \
                                    value and try again.";

    pub(crate) const NO_ZONE: &str = "was unable to place a task. Reason: Capacity is unavailable at this time. \
                                      Please try again later or in a different availability zone.";

    pub(crate) const NO_ADDRESS: &str =
        "was unable to place a task. Reason: every loopback address of this machine's range is taken.";
}
