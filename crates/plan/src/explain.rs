//! A plan in words: what `cox plan` prints and what the transcripts of the tests hold.

use std::fmt::{Display, Formatter, Result};

use crate::{
    planner::short,
    step::{Condition, Event, Plan, PlannedStep, Step},
};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{} at {}", self.key, self.revision)?;
        for condition in &self.conditions {
            writeln!(f, "  {condition}")?;
        }
        for event in &self.events {
            writeln!(f, "  seen: {event}")?;
        }
        if self.steps.is_empty() {
            writeln!(f, "  nothing to do")?;
            for difference in &self.differences {
                writeln!(f, "     {difference}")?;
            }
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}. {step}", index + 1)?;
            for difference in &step.differences {
                writeln!(f, "     {difference}")?;
            }
        }
        if let Some(hold) = &self.record.hold {
            writeln!(f, "  held: {}: {}", hold.reason, hold.message)?;
        }
        if let Some(rollout) = &self.record.in_flight {
            let id = rollout.deployment_id.as_deref().unwrap_or("an id not known yet");
            writeln!(f, "  in flight: {} as {id}", short(&rollout.task_definition_arn))?;
        }
        match self.look_again_at {
            Some(at) => writeln!(f, "  look again at {at}"),
            None => Ok(()),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let status = if self.status { "yes" } else { "no" };
        write!(f, "{:?}: {status}, {}: {}", self.kind, self.reason, self.message)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}: {}", self.reason, self.message)?;
        match self.rollout.as_ref().and_then(|rollout| rollout.cause.as_ref()) {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl Display for PlannedStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.step.operation())?;
        match &self.step {
            Step::RegisterTaskDefinition { known: Some(arn), .. } => write!(f, " (reuse {})", short(arn))?,
            Step::RegisterTaskDefinition { family, .. } => write!(f, " {family}")?,
            Step::CreateService { .. } => {}
            Step::UpdateService { members, task_definition, rollout, .. } => {
                let named = task_definition.as_ref().map(|_| "taskDefinition");
                let all: Vec<_> = named.into_iter().chain(members.keys().map(String::as_str)).collect();
                write!(f, " {}", all.join(", "))?;
                if rollout.is_some() {
                    write!(f, " (a new deployment)")?;
                }
            }
            Step::TagResource { tags, .. } => {
                write!(f, " {}", tags.keys().cloned().collect::<Vec<_>>().join(", "))?;
            }
            Step::UntagResource { keys, .. } => write!(f, " {}", keys.join(", "))?,
        }
        write!(f, ": {}: {}", self.reason, self.because)
    }
}
