//! Throttling by buckets, as ECS documents it for groups of actions.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::clock::Time;

/// A group of actions that share a bucket: how many at once, how many more each second, and which.
const GROUPS: [(u64, u64, &[&str]); 17] = [
    (100, 20, &["DescribeServices", "ListServices"]),
    (50, 5, &["CreateService", "UpdateService", "DeleteService"]),
    (10, 1, &["ListServicesByNamespace"]),
    (50, 20, &["DescribeServiceDeployments", "ListServiceDeployments"]),
    (50, 20, &["DescribeServiceRevisions"]),
    (50, 20, &["DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"]),
    (20, 1, &["RegisterTaskDefinition", "DeregisterTaskDefinition"]),
    (5, 1, &["DeleteTaskDefinitions"]),
    (100, 20, &["DescribeTasks", "ListTasks"]),
    (100, 40, &["RunTask", "StartTask", "StopTask", "ExecuteCommand"]),
    (200, 80, &["UpdateTaskProtection", "GetTaskProtection"]),
    (50, 20, &["DescribeClusters", "ListClusters"]),
    (50, 20, &["ListTagsForResource"]),
    (20, 10, &["TagResource", "UntagResource"]),
    (10, 1, &["PutAccountSetting", "PutAccountSettingDefault", "DeleteAccountSetting"]),
    (50, 20, &["ListAccountSettings", "DescribeCapacityProviders"]),
    (10, 1, &["CreateCapacityProvider", "UpdateCapacityProvider", "DeleteCapacityProvider"]),
];

/// A thousandth of a request: a bucket that gets 20 a second gets 20 of these in a millisecond.
const REQUEST: u64 = 1_000;

/// The buckets of ECS's groups of actions, each full at first.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// By the group's place: what is left, in thousandths of a request, and since when.
    buckets: Mutex<BTreeMap<usize, (u64, Time)>>,
}

impl Throttle {
    /// Takes one request of an operation from its bucket; says whether there was one left.
    ///
    /// An operation of no documented group is never throttled.
    pub(crate) fn take(&self, operation: &str, now: Time) -> bool {
        let group = GROUPS.iter().enumerate().find(|(_, (.., operations))| operations.contains(&operation));
        let Some((place, (burst, rate, _))) = group else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = buckets.entry(place).or_insert((burst * REQUEST, now));
        let millis = u64::try_from(now.since(*since).as_millis()).unwrap_or(u64::MAX);
        *left = left.saturating_add(millis.saturating_mul(*rate)).min(burst * REQUEST);
        *since = now.max(*since);
        let rest = left.checked_sub(REQUEST);
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate_to_all_of_its_group() {
        let throttle = Throttle::default();
        let start = Time::from_millis(0);
        let taken = |operation: &str, now: Time| (0..1_000).filter(|_| throttle.take(operation, now)).count();
        assert_eq!(taken("UpdateService", start), 50);
        assert_eq!(taken("CreateService", start), 0, "one bucket for all three");
        assert_eq!(taken("DescribeServices", start), 100, "another group's is full");
        assert_eq!(taken("UpdateService", start.after(Duration::from_secs(3))), 15);
        assert_eq!(taken("UpdateService", start.after(Duration::from_hours(1))), 50, "it is never over full");
        assert_eq!(taken("SubmitTaskStateChange", start), 1_000, "no group is documented");
    }

    #[test]
    fn no_operation_is_in_two_groups_and_each_is_one_of_ecs() {
        let mut names: Vec<&str> =
            GROUPS.iter().flat_map(|(.., operations)| operations.iter().copied()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| coxswain_ecs_shapes::ecs().operation(name).is_some()), "{names:?}");
    }
}
