//! What DNS would say: the records that Route 53 makes of instances.
//!
//! A name exists where it has records, or where something beneath it does. Source: Route 53 developer
//! guide, multivalue answer routing; RFC 8020, which says what NXDOMAIN means; and
//! <https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsConfig.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    CloudMap,
    catalog::Catalog,
    discover::shuffle,
    instance::Instance,
    namespace::Namespace,
    service::{RecordType, Service},
};
use crate::clock::Time;

/// Most records of an answer.
const MOST: usize = 8;

/// A record, without its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Without the dot at its end.
    pub(crate) name: String,
    /// Seconds.
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(String),
    Srv {
        port: u16,
        target: String,
    },
    /// Seconds in which a resolver remembers that there is nothing.
    Soa(u32),
    Ns(String),
}

/// What is known of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// All records of that very name.
    pub(crate) records: Vec<Record>,
    /// The addresses of what the records point to.
    pub(crate) additional: Vec<Record>,
    /// Whether there is the name; it can be without records.
    pub(crate) exists: bool,
    /// The zone's SOA, for answers without records.
    pub(crate) soa: Option<Record>,
}

impl CloudMap {
    /// What is known of a name, without the dot at its end; `None` where no namespace ends it.
    ///
    /// The choice among many instances, and their order, is random.
    pub(crate) fn look_up(&self, name: &str, now: Time) -> Option<Found> {
        let mut catalog = self.at(now);
        let zone = zone_of(&catalog, name)?.id.clone();
        let mut random = catalog.random.clone();
        let found = catalog.namespaces.get(&zone).map(|zone| {
            let mut choose = |mut instances: Vec<(&str, &Instance)>, most: usize| {
                shuffle(&mut instances, &mut random);
                instances.truncate(most);
                instances.into_iter().map(|(id, _)| id.to_owned()).collect::<Vec<_>>()
            };
            in_zone(&catalog, zone, name, &mut choose)
        });
        catalog.random = random;
        found
    }
}

/// The namespace with the longest name that ends this one.
fn zone_of<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Namespace> {
    let zones = catalog.namespaces.values().filter(|zone| zone.has_zone() && is_in(name, &zone.name));
    zones.max_by_key(|zone| zone.name.len())
}

/// Whether a name is that one or lies beneath it.
fn is_in(name: &str, above: &str) -> bool {
    let Some(start) = name.len().checked_sub(above.len()) else { return false };
    let (Some(rest), Some(end)) = (name.get(..start), name.get(start..)) else { return false };
    end.eq_ignore_ascii_case(above) && (rest.is_empty() || rest.ends_with('.'))
}

type Choose<'a> = &'a mut dyn FnMut(Vec<(&str, &Instance)>, usize) -> Vec<String>;

fn in_zone(catalog: &Catalog, zone: &Namespace, name: &str, choose: Choose<'_>) -> Found {
    let soa = Record { name: zone.name.clone(), ttl: zone.negative_ttl, data: Data::Soa(zone.negative_ttl) };
    let mut found = Found { exists: false, soa: Some(soa.clone()), ..Found::default() };
    if name.eq_ignore_ascii_case(&zone.name) {
        // A name server's own records live for two days in Route 53.
        let ns = Record { name: zone.name.clone(), ttl: 172_800, data: Data::Ns("localhost".into()) };
        found.records = vec![soa, ns];
        found.exists = true;
        return found;
    }
    for service in catalog.services_in(&zone.id) {
        let Some(dns) = service.dns.as_ref().filter(|_| !service.instances.is_empty()) else { continue };
        let owner = format!("{}.{}", service.name, zone.name);
        if name.eq_ignore_ascii_case(&owner) {
            let answering = answering(service);
            let chosen = choose(answering, if dns.is_weighted { 1 } else { MOST });
            for id in &chosen {
                add_records(&mut found, service, id, &owner);
            }
            found.exists = true;
        } else if is_in(name, &owner) {
            let Some(ttl) = dns.ttl(RecordType::Srv) else { continue };
            for (id, instance) in &service.instances {
                let host = format!("{id}.{owner}");
                if name.eq_ignore_ascii_case(&host) {
                    found.records.extend(addresses(instance, &host, ttl));
                }
                found.exists |= is_in(&host, name);
            }
        } else {
            found.exists |= is_in(&owner, name);
        }
    }
    found
}

/// The healthy instances, or all of them where none is.
fn answering(service: &Service) -> Vec<(&str, &Instance)> {
    let all = || service.instances.iter().map(|(id, instance)| (id.as_str(), instance));
    let healthy: Vec<_> =
        all().filter(|(_, instance)| instance.healthy || !service.has_health_check()).collect();
    if healthy.is_empty() { all().collect() } else { healthy }
}

fn add_records(found: &mut Found, service: &Service, id: &str, owner: &str) {
    let (Some(dns), Some(instance)) = (&service.dns, service.instances.get(id)) else { return };
    for (kind, ttl) in &dns.records {
        let data = match kind {
            RecordType::A => address(instance, "AWS_INSTANCE_IPV4").map(Data::A),
            RecordType::Aaaa => address(instance, "AWS_INSTANCE_IPV6").map(Data::Aaaa),
            RecordType::Cname => instance
                .attribute("AWS_INSTANCE_CNAME")
                .map(|name| Data::Cname(name.trim_end_matches('.').to_owned())),
            RecordType::Srv => {
                let target = format!("{id}.{owner}");
                found.additional.extend(addresses(instance, &target, *ttl));
                address(instance, "AWS_INSTANCE_PORT").map(|port| Data::Srv { port, target })
            }
        };
        found.records.extend(data.map(|data| Record { name: owner.to_owned(), ttl: *ttl, data }));
    }
}

fn address<T: std::str::FromStr>(instance: &Instance, attribute: &str) -> Option<T> {
    instance.attribute(attribute)?.parse().ok()
}

fn addresses(instance: &Instance, host: &str, ttl: u32) -> impl Iterator<Item = Record> {
    let v4 = address(instance, "AWS_INSTANCE_IPV4").map(Data::A);
    let v6 = address(instance, "AWS_INSTANCE_IPV6").map(Data::Aaaa);
    let name = host.to_owned();
    v4.into_iter().chain(v6).map(move |data| Record { name: name.clone(), ttl, data })
}
