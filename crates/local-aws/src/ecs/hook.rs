//! Lifecycle hooks: their runs in a deployment, and who answers for the functions behind them.
//!
//! No Lambda function is called here. What a function would answer is set beforehand, by its ARN or
//! name, or given later by hand.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>

use std::{str::FromStr, time::Duration};

use serde_json::{Value, json};

use super::{Members, Stage, member::set};
use crate::{clock::Time, id::Random};

/// The pause before a function that said `IN_PROGRESS` is called again, unless it names another.
const CALL_BACK_DELAY: u64 = 30;

/// The timeout of a hook that names none, in minutes. Source: the API's description of
/// `DeploymentLifecycleHookTimeoutConfiguration`.
const TIMEOUT_MINUTES: u64 = 1_440;

/// What the function behind a lifecycle hook answers.
///
/// As text: `SUCCEEDED`, `FAILED`, `IN_PROGRESS` or `IN_PROGRESS=SECONDS`, `NOTHING`, `HOLD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookAnswer {
    /// The deployment goes on.
    Succeeded,
    /// The deployment is rolled back.
    Failed,
    /// The function is called again after so many seconds.
    InProgress(u64),
    /// An answer without a `hookStatus`, as of a function that ends early: ECS takes it as a failure.
    Nothing,
    /// No answer until somebody gives one by [`LocalAws::resolve_hook`](crate::LocalAws::resolve_hook).
    Hold,
}

/// Why a text is no answer of a hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no answer of a hook: there are SUCCEEDED, FAILED, IN_PROGRESS[=SECONDS], NOTHING and HOLD")]
pub struct HookAnswerError(String);

impl FromStr for HookAnswer {
    type Err = HookAnswerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "SUCCEEDED" => Ok(Self::Succeeded),
            "FAILED" => Ok(Self::Failed),
            "IN_PROGRESS" => Ok(Self::InProgress(CALL_BACK_DELAY)),
            "NOTHING" => Ok(Self::Nothing),
            "HOLD" => Ok(Self::Hold),
            _ => text
                .strip_prefix("IN_PROGRESS=")
                .and_then(|seconds| seconds.parse().ok())
                .map(Self::InProgress)
                .ok_or_else(|| HookAnswerError(text.to_owned())),
        }
    }
}

/// Who answers for which function.
#[derive(Debug, Default)]
pub(crate) struct HookTargets(Vec<Target>);

#[derive(Debug)]
struct Target {
    /// An ARN, a function's name, or `*`.
    function: String,
    answers: Vec<HookAnswer>,
    given: usize,
}

impl HookTargets {
    /// Sets the answers of a function, in turn; the last one stays. Earlier ones of it are gone.
    pub(crate) fn set(&mut self, function: &str, answers: Vec<HookAnswer>) {
        self.0.retain(|target| target.function != function);
        self.0.push(Target { function: function.to_owned(), answers, given: 0 });
        // The one for every function comes last.
        self.0.sort_by_key(|target| target.function == "*");
    }

    /// The next answer of the function with this ARN; `None` where nobody answers for it.
    fn next(&mut self, arn: &str) -> Option<HookAnswer> {
        let name = arn.split(':').nth(6).unwrap_or(arn);
        let target = self
            .0
            .iter_mut()
            .find(|target| target.function == arn || target.function == name || target.function == "*")?;
        let answer = target.answers.get(target.given).or(target.answers.last()).copied();
        target.given += 1;
        answer
    }
}

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
    kind: Kind,
    stage: Stage,
    pub(crate) state: HookState,
    expires_at: Time,
    rolls_back_at_timeout: bool,
    /// When the function is called next; `None` where it is not.
    calls_at: Option<Time>,
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
            match targets.next(arn) {
                Some(HookAnswer::Succeeded) => self.state = HookState::Succeeded,
                Some(HookAnswer::Failed) => self.state = HookState::Failed(returned_failed(self.stage, arn)),
                Some(HookAnswer::InProgress(seconds)) => {
                    self.calls_at = Some(now.after(Duration::from_secs(seconds)));
                }
                Some(HookAnswer::Hold) => {}
                Some(HookAnswer::Nothing) => {
                    self.state = HookState::Failed(format!(
                        "{} ECS was unable to parse the response from {arn} due to HookStatus must not be null",
                        hooks_failed(self.stage)
                    ));
                }
                None => {
                    self.state = HookState::Failed(format!(
                        "{} ECS was unable to invoke hook target {arn} due to the local ECS having no answer for it",
                        hooks_failed(self.stage)
                    ));
                }
            }
        }
        (self.state == HookState::Open).then(|| self.calls_at.unwrap_or(self.expires_at).min(self.expires_at))
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

    /// What a function that has not answered was told, without the members that every hook has.
    pub(super) fn call(&self) -> Option<Value> {
        let Kind::Function(arn) = &self.kind else { return None };
        self.awaits_answer().then(|| {
            json!({
                "hookId": self.id, "function": arn, "lifecycleStage": self.stage.name(),
                "hookDetails": self.details,
            })
        })
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

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

    #[test]
    fn a_function_answers_in_turn_by_arn_or_name_before_the_one_for_all() {
        let mut targets = HookTargets::default();
        assert_eq!(targets.next(ARN), None);
        targets.set("*", vec![HookAnswer::Failed]);
        targets.set("check", vec![HookAnswer::InProgress(5), HookAnswer::Succeeded]);
        let answers: Vec<_> = (0..3).map(|_| targets.next(ARN).unwrap()).collect();
        assert_eq!(answers, [HookAnswer::InProgress(5), HookAnswer::Succeeded, HookAnswer::Succeeded]);
        assert_eq!(
            targets.next("arn:aws:lambda:us-east-1:123456789012:function:other"),
            Some(HookAnswer::Failed)
        );
    }

    #[test]
    fn an_answer_is_read_from_its_text() {
        for (text, answer) in [
            ("SUCCEEDED", Some(HookAnswer::Succeeded)),
            ("IN_PROGRESS", Some(HookAnswer::InProgress(30))),
            ("IN_PROGRESS=60", Some(HookAnswer::InProgress(60))),
            ("HOLD", Some(HookAnswer::Hold)),
            ("IN_PROGRESS=soon", None),
            ("succeeded", None),
        ] {
            assert_eq!(text.parse().ok(), answer, "{text}");
        }
    }

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
