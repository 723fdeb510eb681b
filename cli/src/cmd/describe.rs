//! `cox describe`: everything about one service, and what to do.

use coxswain_controller::{
    http::v1::EventList,
    status::{Condition, Rollout, ServiceStatus},
};
use coxswain_plan::{ConditionType, Reason};

use crate::{
    arguments::{DescribeArguments, Globals, OneOutput},
    client::Client,
    exit::{Exit, Failure},
    output::{BOLD, Terminal, cause::last_lines, diff, lines, short, styled, table::Columns, time},
};

/// The events that are shown.
const EVENTS: usize = 10;

pub(crate) async fn run(
    arguments: &DescribeArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let client = Client::find(globals)?;
    let name = &arguments.service.0;
    let status = client.get::<ServiceStatus>(&format!("/v1/services/{name}")).await?;
    if arguments.output == OneOutput::Json {
        terminal.document(status)?;
        return Ok(Exit::Done);
    }
    let events = client.get::<EventList>(&format!("/v1/events?object=service/{name}&limit={EVENTS}")).await?;
    let mut text = head(&status, terminal);
    text.push_str(&section("Conditions", &[conditions(&status.conditions, terminal)]));
    if let Some(rollout) = &status.rollout {
        let rolls_back = status.condition(ConditionType::Progressing).map(|found| found.reason)
            == Some(Reason::RollingBack);
        text.push_str(&section("Rollout", &rollout_lines(rollout, rolls_back, terminal)));
    }
    let differences: Vec<_> = status.differences.iter().map(|found| terminal.difference(found)).collect();
    text.push_str(&section("Differences", &differences));
    let steps: Vec<_> = status.steps.iter().map(diff::step).collect();
    text.push_str(&section("Steps of the last plan", &steps));
    if let Some(hold) = &status.hold {
        let mut lines = terminal.hold(&status, hold);
        if hold.cause.is_some() {
            lines.extend(last_lines(&client, name).await);
        }
        text.push_str(&section("Held", &lines));
    }
    let told: Vec<_> = events
        .items
        .iter()
        .map(|event| format!("{}  {}  {}", terminal.ago(event.at), event.reason, event.message))
        .collect();
    text.push_str(&section("Events", &told));
    if !status.advice.is_empty() {
        text.push_str(&section("What to do", std::slice::from_ref(&status.advice)));
    }
    terminal.answer(&text)?;
    Ok(Exit::Done)
}

fn head(status: &ServiceStatus, terminal: &Terminal) -> String {
    let mut rows = vec![
        ("Name", status.object()),
        ("Environment", status.environment.clone()),
        ("Sync", terminal.sync(status.sync)),
        ("Health", terminal.health(status.health)),
        ("Reason", format!("{}: {}", status.reason, status.summary)),
    ];
    if let Some(counts) = status.counts {
        let (running, desired, pending) = (counts.running, counts.desired, counts.pending);
        rows.push(("Tasks", format!("{running} of {desired} running, {pending} starting")));
    }
    if let Some(arn) = &status.task_definition {
        rows.push(("Task definition", short(arn).to_owned()));
    }
    rows.extend(status.images.iter().map(|image| ("Image", image.clone())));
    if let Some(revision) = &status.observed_revision {
        let current = if status.is_current { "" } else { " (a newer one has not been looked at yet)" };
        rows.push(("Revision", format!("{revision}{current}")));
    }
    if let Some(at) = status.seen_at {
        rows.push(("Seen", terminal.ago(at)));
    }
    if let Some(at) = status.next_look_at {
        let next = if terminal.is_interactive {
            format!("in {}", time::took(crate::output::now(), at))
        } else {
            time::seconds(at)
        };
        rows.push(("Next look", next));
    }
    let line = |(name, value): &(&str, String)| format!("{}{value}", styled(BOLD, &format!("{name:<17}")));
    lines(rows.iter().map(line))
}

fn conditions(conditions: &[Condition], terminal: &Terminal) -> String {
    let mut columns = Columns::new(&["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"]);
    for condition in conditions {
        columns.row(vec![
            format!("{:?}", condition.kind),
            condition.status.as_str().to_owned(),
            condition.reason.to_string(),
            terminal.ago(condition.last_transition_time),
            condition.message.clone(),
        ]);
    }
    columns.render(terminal, true)
}

fn rollout_lines(rollout: &Rollout, rolls_back: bool, terminal: &Terminal) -> Vec<String> {
    let counts = rollout.counts;
    let id = rollout.deployment_id.as_deref().unwrap_or("not known yet");
    let whose = match (&rollout.digest, rolls_back) {
        (Some(_), _) => "",
        (None, true) => ", rolled back to by ECS",
        (None, false) => ", started by somebody else",
    };
    let mut lines = vec![
        format!("deployment {id}: {}{whose}", rollout.state),
        format!("revision {}, started {}", short(&rollout.task_definition), terminal.ago(rollout.started_at)),
        format!(
            "{} of {} running, {} starting, {} failed",
            counts.running, counts.desired, counts.pending, rollout.failed_tasks
        ),
    ];
    lines.extend(rollout.state_reason.clone());
    lines
}

/// A heading and its lines, indented; nothing where there are none.
fn section(title: &str, parts: &[String]) -> String {
    let lines: Vec<_> = parts.iter().flat_map(|part| part.lines()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let indented = crate::output::lines(lines.iter().map(|line| format!("  {line}")));
    format!("\n{}\n{indented}", styled(BOLD, title))
}
