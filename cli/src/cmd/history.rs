//! `cox history`: a service's rollouts, newest first.

use coxswain_controller::{
    http::v1::History,
    status::{Entry, Outcome},
};

use crate::{
    arguments::{Globals, HistoryArguments, TableOutput},
    client::Client,
    exit::{Exit, Failure},
    output::{GREEN, RED, Terminal, YELLOW, short, styled, table::Columns, time},
};

pub(crate) async fn run(
    arguments: &HistoryArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let client = Client::find(globals)?;
    let history = client.get::<History>(&format!("/v1/services/{}/history", arguments.service.0)).await?;
    if arguments.output == TableOutput::Json {
        terminal.document(history)?;
        return Ok(Exit::Done);
    }
    if history.items.is_empty() {
        terminal.say(&format!("{} has had no rollout yet", arguments.service));
        return Ok(Exit::Done);
    }
    let is_wide = arguments.output == TableOutput::Wide;
    let mut columns = if is_wide {
        Columns::new(&[
            "REVISION",
            "TASK DEFINITION",
            "OUTCOME",
            "STARTED",
            "TOOK",
            "DEPLOYMENT",
            "DIGEST",
            "REASON",
        ])
    } else {
        Columns::new(&["REVISION", "TASK DEFINITION", "OUTCOME", "STARTED", "TOOK", "REASON"])
    };
    for entry in &history.items {
        columns.row(row(entry, is_wide, terminal));
    }
    terminal.answer(&columns.render(terminal, !arguments.no_headers))?;
    Ok(Exit::Done)
}

fn row(entry: &Entry, is_wide: bool, terminal: &Terminal) -> Vec<String> {
    let style = match entry.outcome {
        Outcome::InProgress | Outcome::Superseded => YELLOW,
        Outcome::Succeeded => GREEN,
        Outcome::Failed => RED,
    };
    let took = entry.ended_at.map(|ended| time::took(entry.started_at, ended)).unwrap_or_default();
    let mut row = vec![
        entry.revision.clone(),
        short(&entry.task_definition).to_owned(),
        styled(style, entry.outcome.as_str()),
        terminal.ago(entry.started_at),
        took,
    ];
    if is_wide {
        row.push(entry.deployment_id.clone().unwrap_or_default());
        row.push(entry.digest.clone());
    }
    let cause = entry.cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    row.push(format!("{}: {}{cause}", entry.reason, entry.message));
    row
}
