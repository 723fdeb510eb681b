//! Services: a name in a namespace, with what DNS says of its instances.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    catalog::Catalog, change::Change, filter, instance::Instance, namespace::Namespace, refusal, tag::Tags,
};
use crate::{
    clock::Time,
    ecs::{Members, set},
    error::ApiError,
};

/// A type of record that a service can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RecordType {
    A,
    Aaaa,
    Cname,
    Srv,
}

impl RecordType {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "CNAME" => Self::Cname,
            "SRV" => Self::Srv,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Srv => "SRV",
        }
    }
}

/// What DNS says of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dns {
    /// Where the request named it here, it is read back here.
    namespace_id: Option<String>,
    /// One random instance rather than up to eight.
    pub(super) is_weighted: bool,
    /// With their times to live, in seconds.
    pub(super) records: Vec<(RecordType, u32)>,
}

impl Dns {
    /// The time to live of that type's records, where the service has them.
    pub(super) fn ttl(&self, record: RecordType) -> Option<u32> {
        self.records.iter().find(|(known, _)| *known == record).map(|(_, ttl)| *ttl)
    }

    fn show(&self) -> Value {
        let record = |(kind, ttl): &(RecordType, u32)| json!({"Type": kind.name(), "TTL": ttl});
        let mut shown = json!({
            "RoutingPolicy": if self.is_weighted { "WEIGHTED" } else { "MULTIVALUE" },
            "DnsRecords": self.records.iter().map(record).collect::<Vec<_>>(),
        });
        if let Some(id) = &self.namespace_id {
            set(&mut shown, "NamespaceId", id.as_str());
        }
        shown
    }
}

/// A service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) namespace_id: String,
    description: Option<String>,
    creator_request: String,
    /// `None` where it is found by the API alone.
    pub(super) dns: Option<Dns>,
    health_check: Option<Value>,
    custom_health: Option<Value>,
    created_at: Time,
    pub(super) tags: Tags,
    pub(super) attributes: BTreeMap<String, String>,
    /// By id.
    pub(super) instances: BTreeMap<String, Instance>,
    /// Raised with each registration and deregistration.
    pub(super) revision: u64,
}

/// What can be changed of one; what is absent goes, the description apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceChange {
    description: Option<String>,
    records: Option<Vec<(RecordType, u32)>>,
    health_check: Option<Value>,
}

impl Service {
    /// Whether somebody tells Cloud Map who is healthy.
    pub(super) fn has_custom_health(&self) -> bool {
        self.custom_health.is_some()
    }

    pub(super) fn has_health_check(&self) -> bool {
        self.custom_health.is_some() || self.health_check.is_some()
    }

    pub(super) fn put(&mut self, id: String, instance: Instance) {
        self.instances.insert(id, instance);
        self.revision += 1;
    }

    pub(super) fn take_out(&mut self, id: &str) {
        if self.instances.remove(id).is_some() {
            self.revision += 1;
        }
    }

    pub(super) fn change(&mut self, change: ServiceChange) {
        let ServiceChange { description, records, health_check } = change;
        self.description = description.or_else(|| self.description.take());
        self.health_check = health_check;
        if let Some(dns) = &mut self.dns {
            dns.records = records.unwrap_or_default();
        }
    }

    fn show(&self, catalog: &Catalog, is_summary: bool) -> Value {
        let mut shown = json!({
            "Id": self.id,
            "Arn": catalog.arn("service", &self.id),
            "ResourceOwner": catalog.account,
            "Name": self.name,
            "Type": if self.dns.is_some() { "DNS_HTTP" } else { "HTTP" },
            "InstanceCount": self.instances.len(),
            "CreateDate": self.created_at.to_json(),
            "CreatedByAccount": catalog.account,
        });
        if !is_summary {
            set(&mut shown, "NamespaceId", self.namespace_id.as_str());
            set(&mut shown, "CreatorRequestId", self.creator_request.as_str());
        }
        let members = [
            ("Description", self.description.as_deref().map(Value::from)),
            ("DnsConfig", self.dns.as_ref().map(Dns::show)),
            ("HealthCheckConfig", self.health_check.clone()),
            ("HealthCheckCustomConfig", self.custom_health.clone()),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                set(&mut shown, name, value);
            }
        }
        shown
    }
}

/// Refuses a name that the model's pattern does not allow.
fn check_name(name: &str) -> Result<(), ApiError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        (1..=63).contains(&bytes.len())
            && ends.iter().all(|end| end.is_some_and(|&byte| is_letter(byte)))
            && bytes.iter().all(|&byte| is_letter(byte) || byte == b'-')
    };
    if (1..=127).contains(&name.len()) && name.split('.').all(is_label) {
        Ok(())
    } else {
        Err(refusal::invalid(format!("'{name}' is no name of a service")))
    }
}

fn records(config: &Value) -> Result<Vec<(RecordType, u32)>, ApiError> {
    let record = |record: &Value| {
        let kind = RecordType::from_name(record.text("Type")?)?;
        // The table has found it between 0 and 2^31 - 1.
        Some((kind, u32::try_from(record.whole("TTL")?).ok()?))
    };
    let records: Option<Vec<_>> = config.items("DnsRecords").iter().map(record).collect();
    records.ok_or_else(|| refusal::invalid("A record has a type and a time to live"))
}

/// The types that DNS could have of one name: A, AAAA, both of them, SRV, or CNAME.
///
/// Source: <https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsRecord.html>
fn check_records(records: &[(RecordType, u32)]) -> Result<(), ApiError> {
    use RecordType::{A, Aaaa, Cname, Srv};

    let mut kinds: Vec<RecordType> = records.iter().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable();
    match kinds.as_slice() {
        // With SRV, the addresses are those of the instances' own names as well.
        [A | Aaaa | Cname | Srv] | [A, Aaaa] | [A | Aaaa, Srv] | [A, Aaaa, Srv] => Ok(()),
        _ => Err(refusal::invalid("DnsRecords can be A, AAAA, A and AAAA, SRV, or CNAME")),
    }
}

fn dns(namespace: &Namespace, request: &Value) -> Result<Option<Dns>, ApiError> {
    let config = request.member("DnsConfig");
    match (namespace.has_zone(), request.text("Type"), config) {
        (false, _, Some(_)) => {
            return Err(refusal::invalid("A service in an HTTP namespace has no DnsConfig"));
        }
        (_, Some(_), Some(_)) => {
            return Err(refusal::invalid("A service of the type HTTP has no DnsConfig"));
        }
        (false, _, None) | (true, Some(_), None) => return Ok(None),
        (true, None, None) => return Err(refusal::invalid("A service in a DNS namespace needs a DnsConfig")),
        (true, None, Some(_)) => {}
    }
    let Some(config) = config else { return Ok(None) };
    let records = records(config)?;
    check_records(&records)?;
    let is_weighted = config.text("RoutingPolicy") == Some("WEIGHTED");
    if records.iter().any(|(kind, _)| *kind == RecordType::Cname) {
        if !is_weighted {
            return Err(refusal::invalid("CNAME needs the routing policy WEIGHTED"));
        }
        if request.member("HealthCheckConfig").is_some() {
            return Err(refusal::invalid("CNAME and HealthCheckConfig exclude each other"));
        }
    }
    Ok(Some(Dns { namespace_id: config.text("NamespaceId").map(str::to_owned), is_weighted, records }))
}

/// What CreateService asks for, checked. Source:
/// <https://docs.aws.amazon.com/cloud-map/latest/api/API_CreateService.html>
pub(super) fn create(catalog: &mut Catalog, request: &Value, now: Time) -> Result<Value, ApiError> {
    let name = request.text("Name").unwrap_or_default();
    check_name(name)?;
    let inner = request.member("DnsConfig").and_then(|config| config.text("NamespaceId"));
    let namespace = request.text("NamespaceId").or(inner);
    let namespace = namespace.ok_or_else(|| refusal::invalid("NamespaceId is missing"))?;
    let namespace = catalog.namespace(namespace)?;
    let dns = dns(namespace, request)?;
    let (checked, custom) = (request.member("HealthCheckConfig"), request.member("HealthCheckCustomConfig"));
    if checked.is_some() && custom.is_some() {
        let text = "HealthCheckConfig and HealthCheckCustomConfig exclude each other";
        return Err(refusal::invalid(text));
    }
    if checked.is_some() && namespace.kind == super::namespace::Kind::Private {
        return Err(refusal::invalid("HealthCheckConfig is not for private DNS namespaces"));
    }
    let has_zone = namespace.has_zone();
    let twin = catalog
        .services_in(&namespace.id)
        .find(|other| if has_zone { other.name.eq_ignore_ascii_case(name) } else { other.name == name });
    if let Some(twin) = twin {
        let arn = catalog.arn("service", &twin.id);
        return Err(refusal::service_exists(&twin.id, &arn, &twin.creator_request));
    }
    let namespace_id = namespace.id.clone();
    // The parameter is supported no longer and always 1. Source:
    // https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html
    let custom_health = custom.map(|_| json!({"FailureThreshold": 1}));
    let tags = Tags::read(request.items("Tags"), name)?;
    let mut service = catalog.new_service(&namespace_id, name, now);
    service.description = request.text("Description").map(str::to_owned);
    if let Some(creator_request) = request.text("CreatorRequestId") {
        creator_request.clone_into(&mut service.creator_request);
    }
    service.dns = dns;
    service.health_check = checked.map(health_check).transpose()?;
    service.custom_health = custom_health;
    service.tags = tags;
    let answer = json!({"Service": service.show(catalog, false)});
    catalog.services.insert(service.id.clone(), service);
    Ok(answer)
}

/// With what Cloud Map fills in. Source:
/// <https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckConfig.html>
fn health_check(config: &Value) -> Result<Value, ApiError> {
    let mut config = config.clone();
    let has_path = config.text("ResourcePath").is_some();
    if config.text("Type") == Some("TCP") {
        if has_path {
            return Err(refusal::invalid("A health check of the type TCP has no ResourcePath"));
        }
    } else if !has_path {
        set(&mut config, "ResourcePath", "/");
    }
    if config.member("FailureThreshold").is_none() {
        set(&mut config, "FailureThreshold", 1);
    }
    Ok(config)
}

impl Catalog {
    /// A service that does not exist yet, found by the API alone.
    pub(super) fn new_service(&mut self, namespace_id: &str, name: &str, now: Time) -> Service {
        Service {
            id: format!("srv-{}", self.random.base32(16)),
            name: name.to_owned(),
            namespace_id: namespace_id.to_owned(),
            description: None,
            creator_request: self.random.uuid(),
            dns: None,
            health_check: None,
            custom_health: None,
            created_at: now,
            tags: Tags::default(),
            attributes: BTreeMap::new(),
            instances: BTreeMap::new(),
            revision: 0,
        }
    }
}

/// Source: <https://docs.aws.amazon.com/cloud-map/latest/api/API_UpdateService.html>
pub(super) fn update(catalog: &mut Catalog, request: &Value, now: Time) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("Id").unwrap_or_default())?;
    let has_zone = catalog.namespace(&service.namespace_id)?.has_zone();
    if !has_zone {
        return Err(refusal::invalid("A service in an HTTP namespace cannot be updated"));
    }
    let wanted = request.member("Service").ok_or_else(|| refusal::invalid("Service is missing"))?;
    let records = wanted.member("DnsConfig").map(records).transpose()?;
    if let Some(records) = &records {
        let known = service.dns.as_ref();
        let is_known = |kind: RecordType| known.is_some_and(|dns| dns.ttl(kind).is_some());
        if let Some((kind, _)) = records.iter().find(|(kind, _)| !is_known(*kind)) {
            let text = format!("The service has no {} record, and its types cannot be changed", kind.name());
            return Err(refusal::invalid(text));
        }
    }
    let health_check = wanted.member("HealthCheckConfig").map(health_check).transpose()?;
    if health_check.is_some() && service.has_custom_health() {
        let text = "HealthCheckConfig and HealthCheckCustomConfig exclude each other";
        return Err(refusal::invalid(text));
    }
    let description = wanted.text("Description").map(str::to_owned);
    let change = ServiceChange { description, records, health_check };
    let change = Change::UpdateService { id: service.id.clone(), change };
    Ok(json!({"OperationId": catalog.submit(change, now)?}))
}

pub(super) fn delete(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("Id").unwrap_or_default())?;
    if !service.instances.is_empty() {
        return Err(refusal::service_in_use());
    }
    let id = service.id.clone();
    catalog.services.remove(&id);
    Ok(json!({}))
}

pub(super) fn get(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("Id").unwrap_or_default())?;
    Ok(json!({"Service": service.show(catalog, false)}))
}

pub(super) fn list(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let after = filter::after(request)?.unwrap_or_default();
    let mut wanted = Vec::new();
    for service in catalog.services.values().filter(|service| service.id > after) {
        let mut keep = true;
        for filter in request.items("Filters") {
            keep &= match filter.text("Name").unwrap_or_default() {
                "NAMESPACE_ID" => filter
                    .texts("Values")
                    .any(|id| catalog.namespace(id).is_ok_and(|found| found.id == service.namespace_id)),
                "RESOURCE_OWNER" => filter::is_own(filter)?,
                other => return Err(refusal::invalid(format!("Services have no filter {other}"))),
            };
        }
        if keep {
            wanted.push(service);
        }
    }
    let show = |service: &&Service| service.show(catalog, true);
    Ok(filter::page(request, "Services", wanted.into_iter(), |service| service.id.clone(), show))
}
