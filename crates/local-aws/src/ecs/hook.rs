//! Lifecycle hooks: their runs in a deployment.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Members, Stage,
    hook_target::{Called, HookAnswer, HookTargets, HookUrl, Returned},
    member::set,
};
use crate::{clock::Time, id::Random};

/// The timeout of a hook that names none, in minutes. Source: the API's description of
/// `DeploymentLifecycleHookTimeoutConfiguration`.
const TIMEOUT_MINUTES: u64 = 1_440;

/// What a hook waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// ContinueServiceDeployment.
    Pause,
    /// The function with this ARN.
    Function(String),
}

/// Where a hook's run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookState {
    /// Nobody has decided yet.
    Open,
    /// The deployment goes on.
    Succeeded,
    /// It is rolled back for this reason.
    Failed(String),
    /// Time has decided; `None` lets the deployment go on.
    TimedOut(Option<String>),
}

/// A run of a lifecycle hook, in one stage.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) id: String,
    /// What its function is told as `executionId`, the same at each call of it.
    execution: String,
    kind: Kind,
    stage: Stage,
    pub(crate) state: HookState,
    expires_at: Time,
    rolls_back_at_timeout: bool,
    /// When the function is called next; `None` where it is not.
    calls_at: Option<Time>,
    /// Where its function is to be asked now.
    asks: Option<HookUrl>,
    details: Value,
}

impl Hook {
    /// The hooks of a `deploymentConfiguration` that run in this stage; on the way back, functions only.
    pub(crate) fn of_stage(
        configuration: &Value,
        stage: Stage,
        goes_back: bool,
        random: &mut Random,
        now: Time,
    ) -> Vec<Self> {
        let wanted = |hook: &&Value| {
            hook.texts("lifecycleStages").any(|name| name == stage.name()) && !(goes_back && is_pause(hook))
        };
        configuration
            .items("lifecycleHooks")
            .iter()
            .filter(wanted)
            .map(|hook| Self::begin(hook, stage, random, now))
            .collect()
    }

    fn begin(hook: &Value, stage: Stage, random: &mut Random, now: Time) -> Self {
        let timeout = hook.member("timeoutConfiguration").unwrap_or(&Value::Null);
        let minutes = timeout.whole("timeoutInMinutes").unwrap_or(TIMEOUT_MINUTES);
        let (word, kind) = if is_pause(hook) {
            ("pause", Kind::Pause)
        } else {
            ("lambda", Kind::Function(hook.text("hookTargetArn").unwrap_or_default().to_owned()))
        };
        Self {
            id: format!("ecs-{word}-{}{}", random.alphanumeric21(), random.alphanumeric21()),
            execution: random.uuid(),
            asks: None,
            calls_at: (kind != Kind::Pause).then_some(now),
            kind,
            stage,
            state: HookState::Open,
            expires_at: now.after(Duration::from_mins(minutes)),
            rolls_back_at_timeout: timeout.text("action") != Some("CONTINUE"),
            details: hook.member("hookDetails").cloned().unwrap_or(Value::Null),
        }
    }

    /// Whether ContinueServiceDeployment may act on it.
    pub(super) fn awaits_action(&self) -> bool {
        self.kind == Kind::Pause && self.state == HookState::Open
    }

    /// Whether [`LocalAws::resolve_hook`](crate::LocalAws::resolve_hook) may act on it.
    pub(super) fn awaits_answer(&self) -> bool {
        self.kind != Kind::Pause && self.state == HookState::Open
    }

    /// Somebody has decided.
    pub(super) fn decide(&mut self, succeeded: bool) {
        self.calls_at = None;
        self.state = match (&self.kind, succeeded) {
            (_, true) => HookState::Succeeded,
            (Kind::Pause, false) => HookState::Failed(format!(
                "Service deployment rolled back because a rollback was asked for at the {} pause hook.",
                self.stage.name()
            )),
            (Kind::Function(arn), false) => HookState::Failed(returned_failed(self.stage, arn)),
        };
    }

    /// Calls its function where that is due, and lets its time run out; says when to look again.
    pub(crate) fn move_on(&mut self, targets: &mut HookTargets, now: Time) -> Option<Time> {
        if self.state != HookState::Open {
            return None;
        }
        if now >= self.expires_at {
            let stage = self.stage.name();
            let reason = match &self.kind {
                Kind::Pause => {
                    format!("Service deployment rolled back because {stage} pause hook timed out.")
                }
                Kind::Function(arn) => {
                    format!("{} Lifecycle hook target {arn} timed out.", hooks_failed(self.stage))
                }
            };
            self.state = HookState::TimedOut(self.rolls_back_at_timeout.then_some(reason));
            return None;
        }
        if let (Some(_), Kind::Function(arn)) = (self.calls_at.filter(|at| *at <= now), &self.kind) {
            self.calls_at = None;
            match targets.call(arn) {
                Some(Called::Answered(answer)) => self.take(answer, now),
                Some(Called::Asked(url)) => self.asks = Some(url),
                None => self.cannot_invoke("the local ECS having no answer for it"),
            }
        }
        (self.state == HookState::Open).then(|| self.calls_at.unwrap_or(self.expires_at).min(self.expires_at))
    }

    /// Where its function is to be asked now, once a call.
    pub(crate) fn asks(&mut self) -> Option<HookUrl> {
        self.asks.take()
    }

    /// Takes in what its function returned over HTTP, or why it could not be asked.
    pub(super) fn returned(&mut self, returned: Result<Value, String>, now: Time) {
        match returned.map(|returned| Returned::read(&returned)) {
            Ok(Ok(Returned { answer, details })) => {
                self.keep(details);
                self.take(answer, now);
            }
            Ok(Err(why)) => self.cannot_read(&why),
            Err(why) => self.cannot_invoke(&why),
        }
    }

    fn take(&mut self, answer: HookAnswer, now: Time) {
        match answer {
            HookAnswer::Succeeded => self.decide(true),
            HookAnswer::Failed => self.decide(false),
            HookAnswer::InProgress(seconds) => self.calls_at = Some(now.after(Duration::from_secs(seconds))),
            HookAnswer::Hold => {}
            HookAnswer::Nothing => self.cannot_read("HookStatus must not be null"),
        }
    }

    /// Merges what a function wants to be told at its next call into what it is told anyway.
    ///
    /// Source: lambda-lifecycle-hooks.html, "Passing state with hookDetails".
    fn keep(&mut self, details: Option<Value>) {
        match (&mut self.details, details) {
            (Value::Object(told), Some(Value::Object(more))) => told.extend(more),
            (told, Some(details)) => *told = details,
            (_, None) => {}
        }
    }

    fn cannot_read(&mut self, why: &str) {
        self.fails("parse the response from", why);
    }

    fn cannot_invoke(&mut self, why: &str) {
        self.fails("invoke hook target", why);
    }

    fn fails(&mut self, what: &str, why: &str) {
        let Kind::Function(arn) = &self.kind else { return };
        let hooks_failed = hooks_failed(self.stage);
        self.state = HookState::Failed(format!("{hooks_failed} ECS was unable to {what} {arn} due to {why}"));
    }

    /// As DescribeServiceDeployments shows it.
    pub(super) fn show(&self) -> Value {
        let status = match (&self.state, &self.kind) {
            (HookState::Open, Kind::Pause) => "AWAITING_ACTION",
            (HookState::Open, Kind::Function(_)) => "IN_PROGRESS",
            (HookState::Succeeded, _) => "SUCCEEDED",
            (HookState::Failed(_), _) => "FAILED",
            (HookState::TimedOut(_), _) => "TIMED_OUT",
        };
        let mut shown = json!({
            "hookId": self.id,
            "status": status,
            "expiresAt": self.expires_at.to_json(),
            "timeoutAction": if self.rolls_back_at_timeout { "ROLLBACK" } else { "CONTINUE" },
        });
        match &self.kind {
            Kind::Pause => set(&mut shown, "targetType", "PAUSE"),
            Kind::Function(arn) => {
                set(&mut shown, "targetType", "AWS_LAMBDA");
                set(&mut shown, "targetArn", arn.as_str());
            }
        }
        shown
    }

    /// The ARN of the function that has not answered, if that is what it waits for.
    pub(super) fn function(&self) -> Option<&str> {
        match &self.kind {
            Kind::Function(arn) if self.awaits_answer() => Some(arn),
            _ => None,
        }
    }

    /// What its function is told, without what all hooks of the stage are told alike.
    pub(super) fn event(&self) -> Value {
        let mut event = json!({"executionId": self.execution, "lifecycleStage": self.stage.name()});
        if !self.details.is_null() {
            set(&mut event, "hookDetails", self.details.clone());
        }
        event
    }
}

fn is_pause(hook: &Value) -> bool {
    hook.text("targetType") == Some("PAUSE")
}

fn hooks_failed(stage: Stage) -> String {
    format!("Service deployment rolled back because {} lifecycle hook(s) failed.", stage.name())
}

fn returned_failed(stage: Stage, arn: &str) -> String {
    format!("{} Lifecycle hook target {arn} returned FAILED status.", hooks_failed(stage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_nobody_decides_times_out_and_then_does_as_it_says() {
        for (action, reason) in [
            ("CONTINUE", None),
            ("ROLLBACK", Some("Service deployment rolled back because POST_SCALE_UP pause hook timed out.")),
        ] {
            let configuration = json!({"lifecycleHooks": [{"targetType": "PAUSE",
                "lifecycleStages": ["POST_SCALE_UP"],
                "timeoutConfiguration": {"timeoutInMinutes": 10, "action": action}}]});
            let (mut random, start) = (Random::seeded(1), Time::from_millis(0));
            let mut hooks = Hook::of_stage(&configuration, Stage::PostScaleUp, false, &mut random, start);
            let hook = hooks.first_mut().unwrap();
            let end = start.after(Duration::from_mins(10));
            assert_eq!(hook.move_on(&mut HookTargets::default(), start), Some(end));
            assert_eq!(hook.move_on(&mut HookTargets::default(), end), None);
            assert_eq!(hook.state, HookState::TimedOut(reason.map(str::to_owned)));
            let back = Hook::of_stage(&configuration, Stage::PostScaleUp, true, &mut random, start);
            assert!(back.is_empty(), "nothing pauses a rollback");
        }
    }
}
