//! `cox get`: what runs, and is it what the manifests say.

use coxswain_controller::{
    http::v1::ServiceList,
    status::{Condition, ConditionStatus, ServiceStatus},
};
use coxswain_plan::{ConditionType, Reason};

use crate::{
    arguments::{GetArguments, Globals, ListOutput, ServiceName},
    client::Client,
    exit::{Exit, Failure},
    output::{Terminal, short, table::Columns},
};

pub(crate) async fn run(
    arguments: &GetArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let one = match arguments.what.as_str() {
        "services" | "service" => None,
        name => Some(name.parse::<ServiceName>().map_err(Failure::usage)?),
    };
    let client = Client::find(globals)?;
    if arguments.watch {
        return super::watch::run(arguments, one.as_ref(), &client, terminal).await;
    }
    let services = load(one.as_ref(), &client).await?;
    if services.iter().any(is_stopped) {
        terminal.say("the kill switch is set: nothing is sent to AWS (cox explain KillSwitch)");
    }
    match arguments.output {
        ListOutput::Json if one.is_some() => {
            for service in services {
                terminal.document(service)?;
            }
        }
        ListOutput::Json => terminal.document(ServiceList { items: services })?,
        ListOutput::Name => {
            let names: String = services.iter().map(|service| service.object() + "\n").collect();
            terminal.answer(&names)?;
        }
        ListOutput::Table | ListOutput::Wide => {
            if services.is_empty() {
                terminal.say("no services: the controller has read none from the manifests yet");
            } else {
                let is_wide = arguments.output == ListOutput::Wide;
                terminal
                    .answer(&table(&services, is_wide, terminal).render(terminal, !arguments.no_headers))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Whether the kill switch keeps it from being changed.
fn is_stopped(service: &ServiceStatus) -> bool {
    let is_it =
        |found: &Condition| found.status == ConditionStatus::True && found.reason == Reason::KillSwitch;
    service.condition(ConditionType::Suspended).is_some_and(is_it)
}

/// One service, or all.
pub(crate) async fn load(one: Option<&ServiceName>, client: &Client) -> Result<Vec<ServiceStatus>, Failure> {
    Ok(match one {
        Some(name) => vec![client.get::<ServiceStatus>(&format!("/v1/services/{}", name.0)).await?],
        None => client.get::<ServiceList>("/v1/services").await?.items,
    })
}

/// The table; worst news are in the last column, whole.
pub(crate) fn table(services: &[ServiceStatus], is_wide: bool, terminal: &Terminal) -> Columns {
    let mut columns = if is_wide {
        Columns::new(&[
            "NAME",
            "SYNC",
            "HEALTH",
            "READY",
            "TASKS",
            "TASK DEFINITION",
            "REVISION",
            "SEEN",
            "IMAGES",
            "REASON",
        ])
    } else {
        Columns::new(&["NAME", "SYNC", "HEALTH", "READY", "TASKS", "TASK DEFINITION", "SEEN", "REASON"])
    };
    for service in services {
        let ready =
            service.condition(ConditionType::Ready).map_or(ConditionStatus::Unknown, |ready| ready.status);
        let tasks =
            service.counts.map(|counts| format!("{}/{}", counts.running, counts.desired)).unwrap_or_default();
        let definition = service.task_definition.as_deref().map(short).unwrap_or_default().to_owned();
        let seen = service.seen_at.map(|at| terminal.ago(at)).unwrap_or_default();
        let mut row = vec![
            service.name.clone(),
            terminal.sync(service.sync),
            terminal.health(service.health),
            ready.as_str().to_owned(),
            tasks,
            definition,
        ];
        if is_wide {
            row.push(service.observed_revision.clone().unwrap_or_default());
        }
        row.push(seen);
        if is_wide {
            row.push(service.images.join(","));
        }
        row.push(format!("{}: {}", service.reason, service.summary));
        columns.row(row);
    }
    columns
}
