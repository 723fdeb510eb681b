//! What the controller would do, worked out here: the same phases as a look, without acting.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use coxswain_controller::{
    aws::{Aws, Limited, Location, SdkAws},
    http::v1::RecordDocument,
    phase::PhaseError,
    preview::{Preview, plan_for},
    resolve::References,
    status::{Difference, PlannedStep},
};
use coxswain_ecs_model::{Effect, FieldDifference};
use coxswain_manifest::{Key, Loaded, ResolvedService};
use coxswain_plan::{Reason, Record};
use coxswain_runtime::SystemClock;
use serde::Serialize;

use crate::{
    arguments::{AwsArguments, Globals},
    client::{Client, Refusal},
    connection::Connection,
    exit::{Exit, Failure},
    manifests,
    output::{Terminal, diagnostic::excerpts},
};

/// What would be done about one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectPlan {
    /// `service/api`.
    pub(crate) object: String,
    /// The steps, in order.
    pub(crate) steps: Vec<PlannedStep>,
    /// Every field that differs, those that no step changes included.
    pub(crate) differences: Vec<Difference>,
    /// Why nothing can be said or done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Stop>,
}

/// Why nothing can be said or done about an object.
#[derive(Debug, Serialize)]
pub(crate) struct Stop {
    /// Of the closed list.
    pub(crate) reason: Reason,
    /// In words.
    pub(crate) message: String,
}

/// Every object of a bundle, in order.
#[derive(Debug, Serialize)]
pub(crate) struct Plans {
    /// The objects.
    pub(crate) items: Vec<ObjectPlan>,
}

/// Plans for every object of the manifests, from what is live now.
pub(crate) async fn plans(
    arguments: &AwsArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Plans, Failure> {
    let folder = manifests::folder(arguments.path.as_deref());
    let loaded = manifests::read_valid(&folder, terminal)?;
    let records = records(&loaded, globals, terminal).await;
    let clock = Arc::new(SystemClock);
    let sdk = Box::pin(SdkAws::connect(location(arguments, &loaded), clock.clone())).await;
    let aws: Arc<dyn Aws> = Arc::new(Limited::new(sdk));
    let mut references = References::default();
    references.look_up(&loaded, aws.as_ref()).await;
    let planned = Box::pin(plan_for(&loaded, &references, &records, aws, clock)).await;
    let planned = planned.map_err(|diagnostics| {
        terminal.say(&excerpts(&diagnostics, loaded.sources(), terminal.talk_is_coloured()));
        manifests::invalid(&folder, &diagnostics)
    })?;
    let written = written(&loaded, &references);
    let item = |(key, outcome)| object_plan(&key, outcome, written.get(&key));
    Ok(Plans { items: planned.into_iter().map(item).collect() })
}

/// The objects with the place of each value; none where that cannot be told.
fn written(loaded: &Loaded, references: &References) -> BTreeMap<Key, ResolvedService> {
    let objects = loaded.resolve(&references.values()).map(|resolved| resolved.objects).unwrap_or_default();
    objects.into_iter().filter_map(|(key, object)| Some((key, object.ok()?))).collect()
}

/// The difference, and where its desired value was written.
fn with_origin(found: &FieldDifference, service: Option<&ResolvedService>) -> Difference {
    let part = if found.effect == Effect::NewRevision { "taskDefinition" } else { "service" };
    let path = format!("{part}.{}", found.path);
    let origin = found.desired.as_ref().and_then(|_| service?.origin(&path));
    Difference { origin: origin.map(|origin| origin.source.to_string()), ..Difference::from(found) }
}

fn object_plan(
    key: &Key,
    outcome: Result<Preview, PhaseError>,
    written: Option<&ResolvedService>,
) -> ObjectPlan {
    let object = format!("{}/{}", key.kind.lowercase(), key.name);
    match outcome {
        Ok(preview) => ObjectPlan {
            object,
            steps: preview.plan.steps.iter().map(PlannedStep::from).collect(),
            differences: preview.plan.differences.iter().map(|found| with_origin(found, written)).collect(),
            error: None,
        },
        Err(error) => ObjectPlan {
            object,
            steps: Vec::new(),
            differences: Vec::new(),
            error: Some(Stop { reason: error.reason(), message: error.message() }),
        },
    }
}

impl Plans {
    /// The first thing that kept an object from being planned, as a way to end.
    pub(crate) fn stopped(&self) -> Option<Failure> {
        let (plan, stop) = self.items.iter().find_map(|plan| Some((plan, plan.error.as_ref()?)))?;
        let message = format!("{}: {}: {}", plan.object, stop.reason, stop.message);
        let name = plan.object.strip_prefix("service/").unwrap_or_default();
        let help = stop.reason.cure().replace("service/NAME", &format!("service/{name}"));
        let failure = match exit(stop.reason) {
            Exit::Invalid => Failure::invalid(message),
            Exit::Blocked => Failure::blocked(message),
            _ => Failure::unreachable(message),
        };
        Some(failure.help(help))
    }
}

/// How a reason that stops an object ends a verb.
fn exit(reason: Reason) -> Exit {
    match reason {
        Reason::InvalidManifest => Exit::Invalid,
        Reason::ReferenceUnresolved | Reason::OutcomeUnknown => Exit::Blocked,
        _ => Exit::Unreachable,
    }
}

/// What the controller remembers of each object; nothing, and a word on it, where it cannot be asked.
async fn records(loaded: &Loaded, globals: &Globals, terminal: &mut Terminal) -> BTreeMap<Key, Record> {
    let mut records = BTreeMap::new();
    let client = match Client::find(globals) {
        Ok(client) => client,
        Err(failure) => {
            two_ways(terminal, &failure.message);
            return records;
        }
    };
    for key in loaded.keys() {
        match client.get::<RecordDocument>(&format!("/v1/services/{}/record", key.name)).await {
            Ok(document) => match serde_json::from_value::<Record>(document.record) {
                Ok(record) if record.key == *key => drop(records.insert(key.clone(), record)),
                Ok(record) => {
                    terminal.say(&format!("note: the controller is that of {}, not of {key}", record.key));
                }
                Err(error) => two_ways(terminal, &format!("the record of {key} cannot be read: {error}")),
            },
            // New in the manifests: nothing is remembered of it.
            Err(Refusal::NotFound(_)) => {}
            Err(Refusal::Other(failure)) => {
                two_ways(terminal, &failure.message);
                return records;
            }
        }
    }
    records
}

fn two_ways(terminal: &mut Terminal, why: &str) {
    terminal.say(&format!(
        "note: compared two ways only, so what left the manifests is not seen as removed, nor what is held: {why}"
    ));
}

/// Where AWS is: as named, else the local ECS of the `cox dev` that runs, else AWS itself.
fn location(arguments: &AwsArguments, loaded: &Loaded) -> Location {
    let dev = if arguments.endpoint_url.is_some() { None } else { connection_of(arguments.path.as_deref()) };
    let of_manifests = loaded.environment().and_then(|environment| environment.region.clone());
    let of_dev = dev.as_ref().map(|dev| dev.region.clone());
    Location {
        region: arguments.region.clone().or(of_manifests).or(of_dev),
        endpoint_url: arguments.endpoint_url.clone().or_else(|| dev.as_ref().map(|dev| dev.endpoint.clone())),
        example_credentials: dev.is_some(),
        http_client: None,
    }
}

/// The `cox dev` that runs, where the manifests in question are its own: others are not its business.
fn connection_of(path: Option<&Path>) -> Option<Connection> {
    let found = Connection::find()?;
    let same = match path {
        None => true,
        Some(path) => path.canonicalize().is_ok_and(|path| path == found.manifests),
    };
    same.then_some(found)
}
