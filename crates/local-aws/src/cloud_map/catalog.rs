//! What this Cloud Map knows, and how what is asked for becomes so.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    change::{Change, Failure},
    namespace::Namespace,
    operation::{Operation, Outcome},
    refusal,
    service::Service,
};
use crate::{clock::Time, config::Config, error::ApiError, id::Random};

/// Operations that are remembered; the oldest are forgotten first. Cloud Map names no figure.
const OPERATIONS_KEPT: usize = 10_000;

/// Namespaces, services, and the operations on them.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(super) account: String,
    region: String,
    /// From a request to its effect.
    takes: Duration,
    /// From a report of health to its effect.
    health_takes: Duration,
    pub(super) random: Random,
    /// By id.
    pub(super) namespaces: BTreeMap<String, Namespace>,
    /// By id.
    pub(super) services: BTreeMap<String, Service>,
    /// Oldest first.
    pub(super) operations: VecDeque<Operation>,
    /// By the time at which they happen, then in the order in which they were asked for.
    pending: BTreeMap<Place, Pending>,
    /// Of the reports of health among them: service and instance, where it stands, what it says.
    reports: BTreeMap<(String, String), (Place, bool)>,
    asked: u64,
}

/// When a change happens, and its number among those that were asked for.
type Place = (Time, u64);

/// A change on its way.
#[derive(Debug)]
struct Pending {
    /// Empty where no operation tells of it.
    operation: String,
    change: Change,
}

impl Catalog {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            account: config.account.clone(),
            region: config.region.clone(),
            takes: config.timing.map_operation,
            health_takes: config.timing.map_health,
            // Apart from ECS's: its ids do not hang on what is asked of Cloud Map.
            random: config.seed.map_or_else(Random::unseeded, |seed| Random::seeded(!seed)),
            namespaces: BTreeMap::new(),
            services: BTreeMap::new(),
            operations: VecDeque::new(),
            pending: BTreeMap::new(),
            reports: BTreeMap::new(),
            asked: 0,
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn arn(&self, kind: &str, id: &str) -> String {
        format!("arn:aws:servicediscovery:{}:{}:{kind}/{id}", self.region, self.account)
    }

    /// Lets everything happen whose time has come.
    pub(super) fn settle(&mut self, now: Time) {
        while let Some(entry) = self.pending.first_entry() {
            let at = entry.key().0;
            if at > now {
                return;
            }
            let Pending { operation, change } = entry.remove();
            let outcome = change.apply(self);
            self.finish(&operation, at, outcome);
        }
    }

    fn finish(&mut self, operation: &str, at: Time, outcome: Result<(), Failure>) {
        // Nearly always one of the newest.
        if let Some(operation) = self.operations.iter_mut().rev().find(|known| known.id == operation) {
            operation.outcome = match outcome {
                Ok(()) => Outcome::Succeeded(at),
                Err(failure) => Outcome::Failed(at, failure),
            };
        }
    }

    /// Takes a change in that an operation tells of; says the operation's id.
    ///
    /// # Errors
    /// `DuplicateRequest` where a change of the same target is on its way.
    pub(super) fn submit(&mut self, change: Change, now: Time) -> Result<String, ApiError> {
        let twin = self.pending.values().find(|pending| pending.change.excludes(&change));
        if let Some(twin) = twin {
            return Err(refusal::duplicate(&twin.operation));
        }
        Ok(self.queue(change, now))
    }

    /// The same behind whatever is on its way.
    pub(super) fn queue(&mut self, change: Change, now: Time) -> String {
        let id = format!("{}-{}", self.random.base32(32), self.random.base32(8));
        self.operations.push_back(Operation::new(id.clone(), &change, now));
        if self.operations.len() > OPERATIONS_KEPT {
            self.operations.pop_front();
        }
        self.push(now.after(self.takes), id.clone(), change);
        id
    }

    /// The same without an operation that tells of it.
    pub(super) fn queue_untold(&mut self, change: Change, now: Time) {
        self.push(now.after(self.takes), String::new(), change);
    }

    fn push(&mut self, at: Time, operation: String, change: Change) -> Place {
        self.asked += 1;
        let place = (at, self.asked);
        self.pending.insert(place, Pending { operation, change });
        place
    }

    /// Takes in what a health checker says of an instance.
    ///
    /// The same again does not hurry it, and the opposite takes its place. Source:
    /// <https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html>
    pub(super) fn report_health(&mut self, service: &str, instance: &str, healthy: bool, now: Time) {
        let of = (service.to_owned(), instance.to_owned());
        match self.reports.get(&of) {
            Some((_, reported)) if *reported == healthy => return,
            Some((place, _)) => drop(self.pending.remove(place)),
            None => {}
        }
        let known = self.services.get(service).and_then(|service| service.instances.get(instance));
        // One that is still on its way is registered first.
        let takes = if known.is_some() { self.health_takes } else { self.health_takes.max(self.takes) };
        let change = Change::SetHealth { service: of.0.clone(), instance: of.1.clone(), healthy };
        let place = self.push(now.after(takes), String::new(), change);
        self.reports.insert(of, (place, healthy));
    }

    /// A report has had its effect.
    pub(super) fn forget_report(&mut self, service: String, instance: String) {
        self.reports.remove(&(service, instance));
    }

    /// The namespace that an id or an ARN names.
    pub(super) fn namespace(&self, reference: &str) -> Result<&Namespace, ApiError> {
        self.namespaces.get(id_of(reference)).ok_or_else(refusal::no_namespace)
    }

    /// The service that an id or an ARN names.
    pub(super) fn service(&self, reference: &str) -> Result<&Service, ApiError> {
        self.services.get(id_of(reference)).ok_or_else(refusal::no_service)
    }

    pub(super) fn service_mut(&mut self, reference: &str) -> Result<&mut Service, ApiError> {
        self.services.get_mut(id_of(reference)).ok_or_else(refusal::no_service)
    }

    /// The services of a namespace.
    pub(super) fn services_in<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Service> {
        self.services.values().filter(move |service| service.namespace_id == namespace)
    }
}

/// The id in an ARN, or the id itself.
fn id_of(reference: &str) -> &str {
    reference.rsplit_once('/').map_or(reference, |(_, id)| id)
}
