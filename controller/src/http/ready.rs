//! `/healthz`, `/readyz` and `/v1/controller`: whether this replica lives, can be asked, and leads.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use coxswain_runtime::LeaseReport;
use jiff::Timestamp;

use super::{
    Api,
    problem::Problem,
    v1::{ControllerStatus, Dependency, Document, KillSwitchState, Role},
};
use crate::{health::Beats, kill_switch::Position};

/// `GET /healthz`: the program answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether this replica can be asked; with `?verbose`, or for those who accept JSON, why.
pub(crate) async fn readyz(State(api): State<Api>, headers: HeaderMap, uri: Uri) -> Response {
    let status = of(&api);
    if is_verbose(&headers, &uri) {
        let code = if status.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        return (code, Json(Document::new(status))).into_response();
    }
    match status.dependencies.into_iter().find(|one| one.is_needed && !one.is_ok) {
        None => "ready\n".into_response(),
        Some(missing) => {
            Problem::unavailable(format!("the {} is not there: {}", missing.name, missing.message))
                .into_response()
        }
    }
}

/// Whether more is asked for than yes or no; that is for those who may ask for everything.
pub(crate) fn is_verbose(headers: &HeaderMap, uri: &Uri) -> bool {
    let accepts = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepts.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    uri.query().is_some() || kinds.any(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// `GET /v1/controller`
pub(crate) async fn controller(State(api): State<Api>) -> Json<Document<ControllerStatus>> {
    Json(Document::new(of(&api)))
}

/// What this replica is and what it depends on.
pub(crate) fn of(api: &Api) -> ControllerStatus {
    let (now, lease) = (api.clock.now(), api.engine.lease());
    let epoch = api.engine.epoch();
    let role = match (&lease, epoch) {
        (None, _) => Role::Alone,
        (Some(_), Some(_)) => Role::Leader,
        (Some(_), None) => Role::Follower,
    };
    let mut dependencies = vec![
        source(api, role, now),
        answering("store", true, &api.vitals.store.beats(), now),
        // Without AWS the replica still says what it knows, and that AWS does not answer.
        answering("AWS", false, &api.vitals.aws.beats(), now),
    ];
    dependencies.extend(lease.as_ref().map(of_lease));
    let leader = match &lease {
        None => Some(api.replica.to_string()),
        Some(report) => report.holder.clone(),
    };
    ControllerStatus {
        replica: api.replica.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        role,
        leader,
        epoch: lease.map_or(0, |report| report.epoch),
        kill_switch: match api.engine.kill_switch() {
            Position::Off => KillSwitchState::Off,
            Position::Set => KillSwitchState::Set,
            Position::Unknown(_) => KillSwitchState::Unknown,
        },
        is_ready: dependencies.iter().all(|one| one.is_ok || !one.is_needed),
        dependencies,
    }
}

/// The manifests: a replica that follows does not read them, and needs none to answer.
fn source(api: &Api, role: Role, now: Timestamp) -> Dependency {
    let source = api.board.source_status();
    let condition = source.ready();
    let said = condition.map_or("the manifests have not been read yet", |condition| &condition.message);
    let (is_ok, message) = match (&source.revision, source.is_ready()) {
        (Some(revision), true) => (true, format!("revision {revision} stands")),
        (Some(revision), false) => (true, format!("revision {revision} stands; {said}")),
        (None, _) => (false, said.to_owned()),
    };
    Dependency {
        name: "source".to_owned(),
        is_ok,
        is_needed: role != Role::Follower,
        reason: source.reason().map(|reason| reason.name().to_owned()),
        message,
        answered_at: source.seen_at,
        age_seconds: age(source.seen_at, now),
    }
}

/// Something that answers calls; what was not asked yet counts as well.
fn answering(name: &str, is_needed: bool, beats: &Beats, now: Timestamp) -> Dependency {
    let message = match (&beats.failed, beats.answered_at) {
        (Some((_, why)), _) => why.clone(),
        (None, Some(_)) => "it answers".to_owned(),
        (None, None) => "it was not asked yet".to_owned(),
    };
    Dependency {
        name: name.to_owned(),
        is_ok: beats.is_well(),
        is_needed,
        reason: beats.failed.as_ref().map(|_| "Unavailable".to_owned()),
        message,
        answered_at: beats.answered_at,
        age_seconds: age(beats.answered_at, now),
    }
}

/// The lease's record; a replica that cannot read it does not know who leads.
fn of_lease(report: &LeaseReport) -> Dependency {
    let message = match (&report.trouble, &report.holder) {
        (Some(trouble), _) => trouble.clone(),
        (None, Some(holder)) => format!("{holder} leads, in term {}", report.epoch),
        (None, None) => "nobody leads yet".to_owned(),
    };
    Dependency {
        name: "lease".to_owned(),
        is_ok: report.trouble.is_none(),
        is_needed: true,
        reason: report.trouble.as_ref().map(|_| "Unavailable".to_owned()),
        message,
        answered_at: None,
        age_seconds: None,
    }
}

fn age(since: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    since.map(|since| u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0))
}
