//! A deployment that shifts traffic: how far it is, and which revision has how much of the traffic.
//!
//! ```text
//! RECONCILE_SERVICE → PRE_SCALE_UP → SCALE_UP → POST_SCALE_UP → TEST_TRAFFIC_SHIFT
//!   → POST_TEST_TRAFFIC_SHIFT → PRE_PRODUCTION_TRAFFIC_SHIFT → PRODUCTION_TRAFFIC_SHIFT ─┐ next step of
//!                                          ↑──────────────────────────────────────────────┘ LINEAR, CANARY
//!   → POST_PRODUCTION_TRAFFIC_SHIFT → BAKE_TIME → CLEAN_UP
//! back: SCALE_UP of the old → PRODUCTION_TRAFFIC_SHIFT → TEST_TRAFFIC_SHIFT → CLEAN_UP of the new
//! ```
//!
//! The weights are what ECS writes into the listeners' rules.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>

use std::time::Duration;

use serde_json::{Value, json};

use super::{Hook, Members, member::set};
use crate::clock::Time;

/// All of the traffic, in tenths of a percent: as fine as ECS takes it.
const ALL: u64 = 1_000;

/// A stage of a service deployment's life, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    /// Its name in hooks and reasons.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }
}

/// How production traffic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    /// What the first step moves, in tenths of a percent.
    first: u64,
    /// What each further step moves.
    further: u64,
    /// The wait after each step but the last.
    bake: Duration,
}

impl Steps {
    /// The steps of a `deploymentConfiguration`; `None` where nothing is shifted.
    fn of(configuration: &Value) -> Option<Self> {
        let minutes = |object: &Value, name: &str, default: u64| {
            Duration::from_mins(object.whole(name).unwrap_or(default))
        };
        match configuration.text("strategy")? {
            "BLUE_GREEN" => Some(Self { first: ALL, further: ALL, bake: Duration::ZERO }),
            "LINEAR" => {
                let linear = configuration.member("linearConfiguration").unwrap_or(&Value::Null);
                let step = tenths(linear, "stepPercent", 100);
                Some(Self { first: step, further: step, bake: minutes(linear, "stepBakeTimeInMinutes", 6) })
            }
            "CANARY" => {
                let canary = configuration.member("canaryConfiguration").unwrap_or(&Value::Null);
                let first = tenths(canary, "canaryPercent", 50);
                Some(Self { first, further: ALL, bake: minutes(canary, "canaryBakeTimeInMinutes", 10) })
            }
            _ => None,
        }
    }

    fn after(self, weight: u64) -> u64 {
        let step = if weight == 0 { self.first } else { self.further };
        weight.saturating_add(step.max(1)).min(ALL)
    }
}

/// A percentage in tenths of a percent.
fn tenths(object: &Value, name: &str, default: u64) -> u64 {
    let percent = object.member(name).and_then(Value::as_f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000 before")]
    percent.map_or(default, |percent| (percent * 10.0).round().clamp(0.0, 1_000.0) as u64)
}

/// The way back to the revision that had the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Back,
}

/// How far a deployment that shifts traffic is.
#[derive(Debug)]
pub(crate) struct Shift {
    pub(crate) stage: Stage,
    /// When the stage began.
    pub(crate) since: Time,
    pub(crate) direction: Direction,
    /// The revision that has the production traffic at the beginning; none in a first deployment.
    pub(crate) source: Option<u64>,
    /// The revision that it moves to.
    pub(crate) target: u64,
    /// The hooks of the stage.
    pub(crate) hooks: Vec<Hook>,
    /// The target's share of production traffic, in tenths of a percent.
    production_weight: u64,
    /// The target's share of test traffic.
    test_weight: u64,
    /// Whether there is traffic that ECS directs.
    routes: bool,
    steps: Steps,
    /// From the last step to `CLEAN_UP`.
    pub(crate) bake: Duration,
}

impl Shift {
    /// The shift that a deployment of `target` makes; `None` for a rolling one.
    pub(super) fn begin(
        configuration: &Value,
        (source, target): (Option<u64>, u64),
        routes: bool,
        first_bakes: bool,
        now: Time,
    ) -> Option<Self> {
        let steps = Steps::of(configuration)?;
        let bake = configuration.whole("bakeTimeInMinutes").unwrap_or(0);
        let is_first = source.is_none();
        Some(Self {
            stage: Stage::ReconcileService,
            since: now,
            direction: Direction::Forward,
            source,
            target,
            hooks: Vec::new(),
            production_weight: 0,
            test_weight: 0,
            routes,
            // There is nobody to share a first deployment's traffic with.
            steps: if is_first { Steps { first: ALL, ..steps } } else { steps },
            bake: if is_first && !first_bakes { Duration::ZERO } else { Duration::from_mins(bake) },
        })
    }

    /// Enters a stage; what the stage does to the traffic is done at once.
    pub(crate) fn enter(&mut self, stage: Stage, hooks: Vec<Hook>, now: Time) {
        self.stage = stage;
        self.since = now;
        self.hooks = hooks;
        match (stage, self.direction) {
            (Stage::TestTrafficShift, Direction::Forward) => self.test_weight = ALL,
            (Stage::TestTrafficShift, Direction::Back) => self.test_weight = 0,
            (Stage::ProductionTrafficShift, Direction::Forward) => {
                self.production_weight = self.steps.after(self.production_weight);
            }
            (Stage::ProductionTrafficShift, Direction::Back) => self.production_weight = 0,
            _ => {}
        }
    }

    /// Whether a revision may start tasks: on the way back only the one that is returned to.
    pub(crate) fn may_launch(&self, revision: u64) -> bool {
        Some(revision) == self.source || (self.direction == Direction::Forward && revision == self.target)
    }

    /// Turns round to a revision: it is scaled up first where it has lost tasks.
    pub(crate) fn turn_back(&mut self, revision: u64, now: Time) {
        self.direction = Direction::Back;
        self.source = Some(revision);
        self.enter(Stage::ScaleUp, Vec::new(), now);
    }

    /// How long production traffic rests at this step; nothing once all of it has moved.
    pub(crate) fn step_bake(&self) -> Duration {
        if self.has_moved_all() { Duration::ZERO } else { self.steps.bake }
    }

    /// Whether the target has all of production.
    pub(crate) fn has_moved_all(&self) -> bool {
        self.production_weight >= ALL
    }

    /// The revision that serves production, or most of it.
    pub(super) fn in_production(&self) -> Option<u64> {
        if self.has_moved_all() { Some(self.target) } else { self.source }
    }

    /// The weights of target and source, in production and in test: percentages, or tenths of them where
    /// that is not exact.
    pub(super) fn shares(&self) -> ((u64, u64), (u64, u64)) {
        let pair = |weight: u64| {
            let (share, rest) = (weight, ALL.saturating_sub(weight));
            if share % 10 == 0 { (share / 10, rest / 10) } else { (share, rest) }
        };
        (pair(self.production_weight), pair(self.test_weight))
    }

    /// How many tasks a revision is to have of the `desired` ones.
    pub(crate) fn wanted(&self, revision: u64, desired: u64) -> u64 {
        let cleans_up = self.stage == Stage::CleanUp;
        let is_wanted = match self.direction {
            Direction::Forward if revision == self.target => self.stage >= Stage::ScaleUp,
            Direction::Forward => Some(revision) == self.source && !cleans_up,
            // On the way back what serves goes on serving until the old revision has its traffic again.
            Direction::Back => Some(revision) == self.source || !cleans_up,
        };
        if is_wanted { desired } else { 0 }
    }

    /// Adds a revision's weights to its summary.
    pub(super) fn show_weights(&self, revision: u64, summary: &mut Value) {
        if !self.routes {
            return;
        }
        let share = |weight: u64| {
            if revision == self.target {
                weight
            } else if Some(revision) == self.source {
                ALL - weight
            } else {
                0
            }
        };
        set(summary, "requestedTestTrafficWeight", percent(share(self.test_weight)));
        set(summary, "requestedProductionTrafficWeight", percent(share(self.production_weight)));
    }

    /// `productionTrafficWeights` and `testTrafficWeights`, as a hook's function is told: each at the stages
    /// at which it moves.
    pub(super) fn told_weights(&self, arn: impl Fn(u64) -> String) -> (Value, Value) {
        let of = |weight: u64, stages: &[Stage]| {
            let mut weights = json!({});
            for (revision, share) in [(Some(self.target), weight), (self.source, ALL - weight)] {
                if let Some(revision) = revision.filter(|_| self.routes && stages.contains(&self.stage)) {
                    set(&mut weights, &arn(revision), percent(share));
                }
            }
            weights
        };
        let production =
            of(self.production_weight, &[Stage::PreProductionTrafficShift, Stage::ProductionTrafficShift]);
        (production, of(self.test_weight, &[Stage::TestTrafficShift]))
    }
}

/// Tenths of a percent as the wire's percentage.
#[expect(clippy::cast_precision_loss, reason = "at most 1000")]
fn percent(tenths: u64) -> f64 {
    tenths as f64 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(configuration: &Value, source: Option<u64>) -> Shift {
        Shift::begin(configuration, (source, 2), true, false, Time::from_millis(0)).unwrap()
    }

    fn steps(configuration: &Value, source: Option<u64>) -> Vec<u64> {
        let mut shift = shift(configuration, source);
        let mut weights = Vec::new();
        while shift.production_weight < ALL {
            shift.enter(Stage::ProductionTrafficShift, Vec::new(), Time::from_millis(0));
            weights.push(shift.production_weight);
        }
        weights
    }

    #[test]
    fn each_strategy_moves_production_in_its_own_steps() {
        let linear = json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.3}});
        let canary = json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.1}});
        assert_eq!(steps(&json!({"strategy": "BLUE_GREEN"}), Some(1)), [1_000]);
        assert_eq!(steps(&linear, Some(1)), [333, 666, 999, 1_000]);
        assert_eq!(steps(&canary, Some(1)), [1, 1_000]);
        assert_eq!(steps(&linear, None), [1_000], "a first deployment shares with nobody");
        let rolling =
            Shift::begin(&json!({"strategy": "ROLLING"}), (None, 1), true, false, Time::from_millis(0));
        assert!(rolling.is_none());
    }

    #[test]
    fn both_revisions_are_full_from_scale_up_to_clean_up() {
        let mut shift = shift(&json!({"strategy": "BLUE_GREEN"}), Some(1));
        let mut wanted = |stage, direction| {
            shift.stage = stage;
            shift.direction = direction;
            (1..=3).map(|revision| shift.wanted(revision, 4)).collect::<Vec<_>>()
        };
        assert_eq!(wanted(Stage::PreScaleUp, Direction::Forward), [4, 0, 0]);
        assert_eq!(wanted(Stage::BakeTime, Direction::Forward), [4, 4, 0]);
        assert_eq!(wanted(Stage::CleanUp, Direction::Forward), [0, 4, 0]);
        assert_eq!(wanted(Stage::ProductionTrafficShift, Direction::Back), [4, 4, 4]);
        assert_eq!(wanted(Stage::CleanUp, Direction::Back), [4, 0, 0]);
    }

    #[test]
    fn a_function_is_told_weights_at_the_stages_at_which_they_move() {
        let mut shift = shift(&json!({"strategy": "CANARY"}), Some(1));
        let mut told = |stage| {
            shift.enter(stage, Vec::new(), Time::from_millis(0));
            shift.told_weights(|revision| revision.to_string())
        };
        let nothing = json!({});
        assert_eq!(told(Stage::PostScaleUp), (nothing.clone(), nothing.clone()));
        assert_eq!(told(Stage::TestTrafficShift), (nothing.clone(), json!({"1": 0.0, "2": 100.0})));
        assert_eq!(told(Stage::PostTestTrafficShift), (nothing.clone(), nothing.clone()));
        let before = json!({"1": 100.0, "2": 0.0});
        assert_eq!(told(Stage::PreProductionTrafficShift), (before, nothing.clone()));
        let first = json!({"1": 95.0, "2": 5.0});
        assert_eq!(told(Stage::ProductionTrafficShift), (first, nothing));
    }

    #[test]
    fn the_shares_of_both_revisions_are_a_hundred_percent() {
        let mut shift = shift(&json!({"strategy": "LINEAR"}), Some(1));
        shift.enter(Stage::ProductionTrafficShift, Vec::new(), Time::from_millis(0));
        let mut summaries = [json!({}), json!({})];
        for (revision, summary) in (1..).zip(&mut summaries) {
            shift.show_weights(revision, summary);
        }
        assert_eq!(summaries[0]["requestedProductionTrafficWeight"], 90.0);
        assert_eq!(summaries[1]["requestedProductionTrafficWeight"], 10.0);
        assert_eq!(summaries[1]["requestedTestTrafficWeight"], 0.0);
    }
}
