//! Availability zones: which there are, in which a subnet lies, and where a task is placed.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Members, State, StopCode};
use crate::{clock::Time, scheduler};

/// How many tasks of a deployment are in each zone.
pub(crate) type Load = BTreeMap<String, usize>;

/// The region's zones.
#[derive(Debug)]
pub(crate) struct Zones {
    /// The region's name and a letter.
    names: Vec<String>,
    /// The zone of each subnet that was ever named: in turn, as they come.
    subnets: BTreeMap<String, String>,
    lost: BTreeSet<String>,
}

/// Where a task is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) zone: String,
    /// The subnet of an awsvpc task that names some.
    pub(super) subnet: Option<String>,
}

impl Zones {
    /// The zones `a` to as many as there are, at least one and at most 26.
    pub(super) fn new(region: &str, count: usize) -> Self {
        let names = ('a'..='z').take(count.max(1)).map(|letter| format!("{region}{letter}")).collect();
        Self { names, subnets: BTreeMap::new(), lost: BTreeSet::new() }
    }

    /// The zone in which a subnet lies.
    pub(crate) fn of_subnet(&mut self, subnet: &str) -> String {
        if let Some(zone) = self.subnets.get(subnet) {
            return zone.clone();
        }
        let next = self.names.iter().cycle().nth(self.subnets.len()).cloned().unwrap_or_default();
        self.subnets.insert(subnet.to_owned(), next.clone());
        next
    }

    /// The spots of a `networkConfiguration`, those in lost zones left out.
    fn spots(&mut self, place: &Map<String, Value>) -> Vec<Spot> {
        let network =
            place.member("networkConfiguration").and_then(|network| network.member("awsvpcConfiguration"));
        let subnets: Vec<&str> =
            network.map(|network| network.texts("subnets").collect()).unwrap_or_default();
        let spots: Vec<Spot> = if subnets.is_empty() {
            self.names.iter().map(|zone| Spot { zone: zone.clone(), subnet: None }).collect()
        } else {
            let spot = |subnet: &str| Spot { zone: self.of_subnet(subnet), subnet: Some(subnet.to_owned()) };
            subnets.into_iter().map(spot).collect()
        };
        spots.into_iter().filter(|spot| !self.lost.contains(&spot.zone)).collect()
    }

    /// The zones in which a revision's tasks can be.
    pub(crate) fn usable(&mut self, place: &Map<String, Value>) -> BTreeSet<String> {
        self.spots(place).into_iter().map(|spot| spot.zone).collect()
    }
}

impl State {
    /// A spot in the zone that has the fewest tasks of the load; `None` where every zone is lost.
    pub(super) fn spot(&mut self, place: &Map<String, Value>, load: &Load) -> Option<Spot> {
        let mut spots = self.zones.spots(place);
        let tasks = |spot: &Spot| load.get(&spot.zone).copied().unwrap_or(0);
        let fewest = spots.iter().map(tasks).min()?;
        spots.retain(|spot| tasks(spot) == fewest);
        let choice = usize::try_from(self.random.below(spots.len() as u64)).unwrap_or(0);
        spots.into_iter().nth(choice)
    }

    /// How many tasks of a deployment are in each zone, those on their way out left out.
    pub(crate) fn load<'a>(&self, tasks: impl Iterator<Item = &'a String>, deployment: u64) -> Load {
        let mut load = Load::new();
        let tasks = tasks.filter_map(|id| self.tasks.get(id));
        for task in tasks.filter(|task| task.wants_to_run && task.deployment() == Some(deployment)) {
            *load.entry(task.zone.clone()).or_default() += 1;
        }
        load
    }

    /// Loses a zone with everything in it, or has it back; says whether there is such a zone.
    pub(crate) fn set_zone(&mut self, zone: &str, is_lost: bool, now: Time) -> bool {
        if !self.zones.names.iter().any(|name| name == zone) {
            return false;
        }
        if is_lost {
            self.zones.lost.insert(zone.to_owned());
            let ids: Vec<String> =
                self.tasks.values().filter(|task| task.zone == zone).map(|task| task.id.clone()).collect();
            let reason = format!("The availability zone {zone} was lost.");
            for id in ids {
                scheduler::stop_task(self, &id, StopCode::InfrastructureHealth, &reason, now);
            }
        } else {
            self.zones.lost.remove(zone);
        }
        for key in self.services.keys() {
            self.agenda.look_at(key);
        }
        true
    }

    /// The zones, each with whether it is lost.
    pub(crate) fn zones(&self) -> Vec<(String, bool)> {
        self.zones.names.iter().map(|zone| (zone.clone(), self.zones.lost.contains(zone))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subnets_lie_in_the_zones_in_turn_and_stay_there() {
        let mut zones = Zones::new("eu-west-1", 2);
        let found: Vec<String> =
            ["s1", "s2", "s3", "s1"].iter().map(|subnet| zones.of_subnet(subnet)).collect();
        assert_eq!(found, ["eu-west-1a", "eu-west-1b", "eu-west-1a", "eu-west-1a"]);
        let place = json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s1", "s3"]}}});
        let usable = zones.usable(place.as_object().unwrap());
        assert_eq!(usable.into_iter().collect::<Vec<_>>(), ["eu-west-1a"]);
    }
}
