//! Namespaces: what services' names end with, and where they can be found.

use serde_json::{Value, json};

use super::{
    catalog::Catalog,
    change::{Change, Failure},
    filter, refusal,
    tag::Tags,
};
use crate::{
    clock::Time,
    ecs::{Members, set},
    error::ApiError,
};

/// Most namespaces of a region. Source: <https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-limits.html>
const MOST: usize = 50;

/// How long a resolver may remember that there is no such name, in seconds, where nobody says.
const NEGATIVE_TTL: u32 = 15;

/// How the services of a namespace are discovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By the API alone.
    Http,
    /// By the API, and by DNS inside of a VPC.
    Private,
    /// By the API, and by DNS everywhere.
    Public,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Private => "DNS_PRIVATE",
            Self::Public => "DNS_PUBLIC",
        }
    }
}

/// A namespace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Namespace {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// What DiscoverInstances calls it: the name, where no other namespace has taken that.
    pub(super) http_name: String,
    description: Option<String>,
    creator_request: String,
    vpc: Option<String>,
    /// Of a zone that DNS has.
    hosted_zone: Option<String>,
    /// Seconds in which a resolver remembers that there is no such name.
    pub(super) negative_ttl: u32,
    created_at: Time,
    pub(super) tags: Tags,
}

/// What can be changed of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NamespaceChange {
    description: Option<String>,
    negative_ttl: Option<u32>,
}

impl Namespace {
    /// Whether DNS has its services.
    pub(super) fn has_zone(&self) -> bool {
        self.kind != Kind::Http
    }

    /// Whether only one of the two can be.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let same_name = self.name.eq_ignore_ascii_case(&other.name);
        same_name && self.kind == other.kind && self.vpc == other.vpc
    }

    pub(super) fn change(&mut self, change: NamespaceChange) {
        let NamespaceChange { description, negative_ttl } = change;
        self.description = description.or_else(|| self.description.take());
        self.negative_ttl = negative_ttl.unwrap_or(self.negative_ttl);
    }

    /// Route 53 refuses a second private zone of one name in one VPC.
    ///
    /// Source of the text: <https://github.com/hashicorp/terraform-provider-aws/pull/7118>
    pub(super) fn zone_conflict(&self, catalog: &Catalog) -> Option<Failure> {
        let twin = catalog.namespaces.values().any(|other| self.has_zone() && self.clashes(other));
        let (vpc, region) = (self.vpc.as_deref().filter(|_| twin)?, catalog.region());
        let message = format!(
            "The VPC that you chose, {vpc} in region {region}, is already associated with another private hosted \
             zone that has an overlapping name space, {}..",
            self.name
        );
        Some(Failure { code: "CANNOT_CREATE_HOSTED_ZONE", message })
    }

    fn show(&self, catalog: &Catalog, is_summary: bool) -> Value {
        let mut properties = json!({"HttpProperties": {"HttpName": self.http_name}});
        if let Some(zone) = &self.hosted_zone {
            set(
                &mut properties,
                "DnsProperties",
                json!({"HostedZoneId": zone, "SOA": {"TTL": self.negative_ttl}}),
            );
        }
        let mut shown = json!({
            "Id": self.id,
            "Arn": catalog.arn("namespace", &self.id),
            "ResourceOwner": catalog.account,
            "Name": self.name,
            "Type": self.kind.name(),
            "ServiceCount": catalog.services_in(&self.id).count(),
            "Properties": properties,
            "CreateDate": self.created_at.to_json(),
        });
        if let Some(description) = &self.description {
            set(&mut shown, "Description", description.as_str());
        }
        if !is_summary {
            set(&mut shown, "CreatorRequestId", self.creator_request.as_str());
        }
        shown
    }

    fn is_wanted(&self, filter: &Value) -> Result<bool, ApiError> {
        match filter.text("Name").unwrap_or_default() {
            "TYPE" => filter::holds(filter, self.kind.name()),
            "NAME" => filter::holds(filter, &self.name),
            "HTTP_NAME" => filter::holds(filter, &self.http_name),
            "RESOURCE_OWNER" => filter::is_own(filter),
            other => Err(refusal::invalid(format!("Namespaces have no filter {other}"))),
        }
    }
}

/// Refuses a name that the model's pattern does not allow, or that DNS could not have.
fn check_name(kind: Kind, name: &str) -> Result<(), ApiError> {
    let longest = if kind == Kind::Http { 1_024 } else { 253 };
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic()) && !name.starts_with("arn:");
    let has_labels = kind == Kind::Http || name.split('.').all(|label| (1..=63).contains(&label.len()));
    if is_plain && has_labels && (1..=longest).contains(&name.len()) {
        Ok(())
    } else {
        Err(refusal::invalid(format!("'{name}' is no name of a namespace")))
    }
}

impl Catalog {
    /// A namespace that does not exist yet.
    pub(super) fn new_namespace(&mut self, kind: Kind, name: &str, now: Time) -> Namespace {
        let is_taken = self.namespaces.values().any(|other| other.http_name == name);
        let suffix = if is_taken { format!("-{}", self.random.base32(16)) } else { String::new() };
        let zone = (kind != Kind::Http).then(|| format!("Z{}", self.random.base32(20).to_uppercase()));
        Namespace {
            id: format!("ns-{}", self.random.base32(16)),
            kind,
            name: name.to_owned(),
            http_name: format!("{name}{suffix}"),
            description: None,
            creator_request: self.random.uuid(),
            vpc: None,
            hosted_zone: zone,
            negative_ttl: NEGATIVE_TTL,
            created_at: now,
            tags: Tags::default(),
        }
    }
}

pub(super) fn create(
    catalog: &mut Catalog,
    kind: Kind,
    request: &Value,
    now: Time,
) -> Result<Value, ApiError> {
    let name = request.text("Name").unwrap_or_default();
    check_name(kind, name)?;
    let tags = Tags::read(request.items("Tags"), name)?;
    let mut namespace = catalog.new_namespace(kind, name, now);
    namespace.vpc = request.text("Vpc").map(str::to_owned);
    let twin = catalog.namespaces.values().find(|other| other.clashes(&namespace));
    if let Some(twin) = twin {
        return Err(refusal::namespace_exists(&twin.id, &twin.creator_request));
    }
    if catalog.namespaces.len() >= MOST {
        return Err(refusal::limit("Namespaces", MOST));
    }
    namespace.description = request.text("Description").map(str::to_owned);
    if let Some(creator_request) = request.text("CreatorRequestId") {
        creator_request.clone_into(&mut namespace.creator_request);
    }
    namespace.negative_ttl = negative_ttl(request).unwrap_or(namespace.negative_ttl);
    namespace.tags = tags;
    let operation = catalog.submit(Change::AddNamespace(Box::new(namespace)), now)?;
    Ok(json!({"OperationId": operation}))
}

/// `Properties.DnsProperties.SOA.TTL`; the table has found it between 0 and 2^31 - 1.
fn negative_ttl(object: &Value) -> Option<u32> {
    let ttl = object.member("Properties")?.member("DnsProperties")?.member("SOA")?.whole("TTL")?;
    u32::try_from(ttl).ok()
}

pub(super) fn update(
    catalog: &mut Catalog,
    kind: Kind,
    request: &Value,
    now: Time,
) -> Result<Value, ApiError> {
    let namespace = catalog.namespace(request.text("Id").unwrap_or_default())?;
    if namespace.kind != kind {
        let text = format!("The namespace is of the type {}", namespace.kind.name());
        return Err(refusal::invalid(text));
    }
    let wanted = request.member("Namespace");
    let change = NamespaceChange {
        description: wanted.and_then(|wanted| wanted.text("Description")).map(str::to_owned),
        negative_ttl: wanted.and_then(negative_ttl),
    };
    let change = Change::UpdateNamespace { id: namespace.id.clone(), change };
    Ok(json!({"OperationId": catalog.submit(change, now)?}))
}

pub(super) fn delete(catalog: &mut Catalog, request: &Value, now: Time) -> Result<Value, ApiError> {
    let id = catalog.namespace(request.text("Id").unwrap_or_default())?.id.clone();
    if catalog.services_in(&id).next().is_some() {
        return Err(refusal::namespace_in_use());
    }
    Ok(json!({"OperationId": catalog.submit(Change::RemoveNamespace { id }, now)?}))
}

pub(super) fn get(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let namespace = catalog.namespace(request.text("Id").unwrap_or_default())?;
    Ok(json!({"Namespace": namespace.show(catalog, false)}))
}

pub(super) fn list(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let after = filter::after(request)?.unwrap_or_default();
    let mut wanted = Vec::new();
    for namespace in catalog.namespaces.values().filter(|namespace| namespace.id > after) {
        let mut keep = true;
        for filter in request.items("Filters") {
            keep &= namespace.is_wanted(filter)?;
        }
        if keep {
            wanted.push(namespace);
        }
    }
    let show = |namespace: &&Namespace| namespace.show(catalog, true);
    Ok(filter::page(request, "Namespaces", wanted.into_iter(), |namespace| namespace.id.clone(), show))
}
