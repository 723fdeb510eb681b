//! `cox plan`: what the controller would do; ends with 0 also where that is something.

use super::preview::{ObjectPlan, Plans, plans};
use crate::{
    arguments::{Globals, PlanArguments, PlanOutput},
    exit::{Exit, Failure},
    output::{BOLD, Terminal, diff, lines, styled},
};

pub(crate) async fn run(
    arguments: &PlanArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let plans = Box::pin(plans(&arguments.aws, globals, terminal)).await?;
    let stopped = plans.stopped();
    let steps: usize = plans.items.iter().map(|plan| plan.steps.len()).sum();
    let (changes, objects) =
        (plans.items.iter().filter(|plan| !plan.steps.is_empty()).count(), plans.items.len());
    match arguments.aws.output {
        PlanOutput::Json => terminal.own_document("Plan", plans)?,
        PlanOutput::Text => terminal.answer(&text(&plans, terminal))?,
    }
    if let Some(failure) = stopped {
        return Err(failure);
    }
    terminal.say(&format!("{objects} planned: {changes} to change in {steps} steps"));
    Ok(if arguments.fail_on_changes && changes > 0 { Exit::Difference } else { Exit::Done })
}

/// Each object's steps and differences.
pub(crate) fn text(plans: &Plans, terminal: &Terminal) -> String {
    plans.items.iter().map(|plan| object(plan, terminal)).collect()
}

fn object(plan: &ObjectPlan, terminal: &Terminal) -> String {
    let title = styled(BOLD, &plan.object);
    if let Some(stop) = &plan.error {
        return format!("{title}: cannot be planned: {}: {}\n", stop.reason, stop.message);
    }
    if plan.steps.is_empty() && plan.differences.is_empty() {
        return format!("{title}: nothing to do\n");
    }
    let mut text = vec![title];
    for (number, step) in plan.steps.iter().enumerate() {
        text.push(format!("  {}. {}", number + 1, diff::step(step)));
        let settled = plan.differences.iter().filter(|difference| step.paths.contains(&difference.path));
        text.extend(settled.map(|difference| format!("     {}", terminal.difference(difference))));
    }
    let is_left = |path: &String| !plan.steps.iter().any(|step| step.paths.contains(path));
    let left: Vec<_> = plan.differences.iter().filter(|difference| is_left(&difference.path)).collect();
    if !left.is_empty() {
        text.push("  left as it is:".to_owned());
        text.extend(left.iter().map(|difference| format!("     {}", terminal.difference(difference))));
    }
    lines(text)
}
