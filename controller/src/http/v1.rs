//! The documents that HTTP serves and `cox` reads, in one place.
//!
//! Every answer names its `apiVersion` and `kind`. Within a version members may be added; none is removed
//! or changes its meaning. The schema of all of them is kept beside the tests, so that a change is seen.

use coxswain_plan::Reason;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    intents::IntentKind,
    status::{Entry, Event, Gap, Problem as Fault, ServiceStatus, SourceStatus},
};

/// What every document's `apiVersion` says.
pub const API_VERSION: &str = "coxswain.dev/v1";

/// A document: what it is, and then its own members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Document<T> {
    /// [`API_VERSION`].
    pub api_version: String,
    /// What it is: `Service`, `ServiceList`, ...
    pub kind: String,
    /// Its own members.
    #[serde(flatten)]
    pub body: T,
}

/// A body that knows its document's kind.
pub trait Body {
    /// The document's `kind`.
    const KIND: &'static str;
}

impl<T: Body> Document<T> {
    /// The document of that body.
    pub fn new(body: T) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: T::KIND.to_owned(), body }
    }
}

impl Body for ServiceStatus {
    const KIND: &'static str = "Service";
}

impl Body for SourceStatus {
    const KIND: &'static str = "Source";
}

/// Every service, by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceList {
    /// The services.
    pub items: Vec<ServiceStatus>,
}

impl Body for ServiceList {
    const KIND: &'static str = "ServiceList";
}

/// One replica of the controller, and what it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControllerStatus {
    /// The replica that answers, by its name in the lease.
    pub replica: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub role: Role,
    /// The replica that leads, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// The lease's term; 0 without a lease.
    pub epoch: u64,
    /// Whether anything is sent to AWS.
    pub kill_switch: KillSwitchState,
    /// Whether this replica can be asked.
    pub is_ready: bool,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

impl Body for ControllerStatus {
    const KIND: &'static str = "Controller";
}

/// What a replica does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It looks after the objects, for as long as it holds the lease.
    Leader,
    /// It answers from what the leader has stored, and waits.
    Follower,
    /// It is the only one.
    Alone,
}

/// Whether anything is sent to AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KillSwitchState {
    /// It is.
    Off,
    /// Nothing is.
    Set,
    /// The store does not say, and so nothing is.
    Unknown,
}

/// Something that a replica depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// `source`, `store`, `AWS` or `lease`.
    pub name: String,
    /// Whether it is as it should be.
    pub is_ok: bool,
    /// Whether the replica is not ready without it.
    pub is_needed: bool,
    /// The reason, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In words, for people.
    pub message: String,
    /// When it answered last, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub answered_at: Option<Timestamp>,
    /// How long ago that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
}

/// The rollouts of one service, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// `service/api`.
    pub object: String,
    /// The rollouts.
    pub items: Vec<Entry>,
}

impl Body for History {
    const KIND: &'static str = "History";
}

/// What the controller remembers of one service: the third way of its comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordDocument {
    /// `service/api`.
    pub object: String,
    /// The record, in the store's own form.
    pub record: Value,
}

impl Body for RecordDocument {
    const KIND: &'static str = "Record";
}

/// The last lines that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogTail {
    /// `service/api`.
    pub object: String,
    /// The task's ARN.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Whether older lines were left out.
    pub is_cut: bool,
}

impl Body for LogTail {
    const KIND: &'static str = "LogTail";
}

/// A line that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What.
    pub message: String,
}

/// Events, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventList {
    /// The events.
    pub items: Vec<Event>,
}

impl Body for EventList {
    const KIND: &'static str = "EventList";
}

impl Body for Event {
    const KIND: &'static str = "Event";
}

impl Body for Gap {
    const KIND: &'static str = "Gap";
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentRequest {
    /// The client's own id: the same id asks for the same thing once. Letters, digits, `.`, `_`, `=`, `-`.
    pub id: String,
    /// `retry` or `reconcile`.
    pub kind: String,
    /// `service/api`.
    pub object: String,
    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntentTaken {
    /// The client's id.
    pub id: String,
    /// What is asked for.
    pub intent: IntentKind,
    /// `service/api`.
    pub object: String,
    /// Whether it had been taken before under that id.
    pub is_duplicate: bool,
}

impl Body for IntentTaken {
    const KIND: &'static str = "Intent";
}

/// Manifests to be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRequest {
    /// All manifests of the environment.
    pub files: Vec<BundleFile>,
    /// The commit in git that they are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A manifest to be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleFile {
    /// Its path, as diagnostics name it; a name that ends in `.json` is read as JSON.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlePublished {
    /// The environment.
    pub environment: String,
    /// The bundle's number.
    pub sequence: u64,
    /// The bundle's own digest.
    pub bundle: String,
    /// The digest of what its documents say: `digest` of the source, once it stands.
    pub digest: String,
    /// The revision to wait for.
    pub revision: String,
    /// Whether it had been published before.
    pub is_duplicate: bool,
}

impl Body for BundlePublished {
    const KIND: &'static str = "Bundle";
}

/// An error's answer, as RFC 9457 says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A name of the fault that programs can rely on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong here, and what to do.
    pub detail: String,
    /// The reason, where it is one of the closed list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Every fault, where manifests were judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Fault>,
}

/// All documents, for one schema that names each.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "exists for its schema alone")]
struct Documents {
    service: Document<ServiceStatus>,
    service_list: Document<ServiceList>,
    controller: Document<ControllerStatus>,
    source: Document<SourceStatus>,
    history: Document<History>,
    record: Document<RecordDocument>,
    log_tail: Document<LogTail>,
    event_list: Document<EventList>,
    event: Document<Event>,
    gap: Document<Gap>,
    intent_request: IntentRequest,
    intent: Document<IntentTaken>,
    bundle_request: BundleRequest,
    bundle: Document<BundlePublished>,
    problem: Problem,
}

/// The JSON Schema of every document.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Documents)
}
