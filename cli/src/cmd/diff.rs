//! `cox diff`: what differs between the manifests and what is live; ends with 1 where anything does.

use super::preview::{Plans, plans};
use crate::{
    arguments::{DiffArguments, Globals, PlanOutput},
    exit::{Exit, Failure},
    output::{BOLD, Terminal, diff, lines, styled},
};

pub(crate) async fn run(
    arguments: &DiffArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let plans = Box::pin(plans(&arguments.aws, globals, terminal)).await?;
    let stopped = plans.stopped();
    let differs =
        plans.items.iter().filter(|plan| !plan.differences.is_empty() || !plan.steps.is_empty()).count();
    let objects = plans.items.len();
    match arguments.aws.output {
        PlanOutput::Json => terminal.own_document("Diff", plans)?,
        PlanOutput::Text => terminal.answer(&text(&plans, terminal))?,
    }
    if let Some(failure) = stopped {
        return Err(failure);
    }
    terminal.say(&format!("{objects} compared, {differs} with differences"));
    Ok(if differs == 0 { Exit::Done } else { Exit::Difference })
}

fn text(plans: &Plans, terminal: &Terminal) -> String {
    let mut text = Vec::new();
    for plan in &plans.items {
        let mut differing: Vec<_> = plan.differences.iter().map(|found| terminal.difference(found)).collect();
        if differing.is_empty() {
            // Of what is not there at all, no single field differs.
            differing.extend(plan.steps.iter().map(diff::step));
        }
        if !differing.is_empty() {
            text.push(styled(BOLD, &plan.object));
            text.extend(differing.iter().map(|line| format!("  {line}")));
        }
    }
    lines(text)
}
