//! What is counted, in Prometheus' text form. No label has unbounded values.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64},
};

use async_trait::async_trait;
use coxswain_plan::{Plan, Reason};
use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};
use serde_json::Value;

use crate::{
    aws::{Aws, AwsError, Failure, Operation},
    http::v1::Dependency,
    report::{Report, SourceReport},
    source::PollOutcome,
    status::{Health, Sync},
};

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    duration: Histogram,
    reconciled: Family<ResultLabel, Counter<u64, AtomicU64>>,
    aws_calls: Family<CallLabel, Counter<u64, AtomicU64>>,
    objects: Family<ObjectLabel, Gauge<i64, AtomicI64>>,
    rollouts: Family<OutcomeLabel, Counter<u64, AtomicU64>>,
    source_ready: Gauge<i64, AtomicI64>,
    source_polls: Family<PollLabel, Counter<u64, AtomicU64>>,
    source_answered: Gauge<i64, AtomicI64>,
    source_refusals: Family<ReasonLabel, Counter<u64, AtomicU64>>,
    source_sequence: Gauge<i64, AtomicI64>,
    leader: Gauge<i64, AtomicI64>,
    epoch: Gauge<i64, AtomicI64>,
    kill_switch: Gauge<i64, AtomicI64>,
    withheld: Counter<u64, AtomicU64>,
    streams: Gauge<i64, AtomicI64>,
    dependencies: Family<DependencyLabel, Gauge<i64, AtomicI64>>,
    corrections: Counter<u64, AtomicU64>,
    queue: Family<QueueLabel, Gauge<i64, AtomicI64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabel {
    sync: &'static str,
    health: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PollLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DependencyLabel {
    dependency: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    state: &'static str,
}

/// From a look without a call (under a millisecond) to one that waits for a throttled AWS.
fn duration_buckets() -> impl Iterator<Item = f64> {
    exponential_buckets(0.001, 2.5, 12)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All counters at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            duration: Histogram::new(duration_buckets()),
            reconciled: Family::default(),
            aws_calls: Family::default(),
            objects: Family::default(),
            rollouts: Family::default(),
            source_ready: Gauge::default(),
            source_polls: Family::default(),
            source_answered: Gauge::default(),
            source_refusals: Family::default(),
            source_sequence: Gauge::default(),
            leader: Gauge::default(),
            epoch: Gauge::default(),
            kill_switch: Gauge::default(),
            withheld: Counter::default(),
            streams: Gauge::default(),
            dependencies: Family::default(),
            corrections: Counter::default(),
            queue: Family::default(),
        };
        metrics.register();
        metrics
    }

    /// The encoder adds `_total` to counters and the unit to what has one.
    fn register(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("coxswain_build", "The controller that answers", build);
        registry.register_with_unit(
            "coxswain_reconcile_duration",
            "How long looks at one object took",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register("coxswain_reconcile", "Looks at an object, by result", self.reconciled.clone());
        registry.register(
            "coxswain_aws_calls",
            "AWS calls, by operation and outcome",
            self.aws_calls.clone(),
        );
        registry.register("coxswain_objects", "Objects, by sync and health", self.objects.clone());
        registry.register("coxswain_rollouts", "Rollouts that ended, by outcome", self.rollouts.clone());
        registry.register(
            "coxswain_source_ready",
            "1 where the manifests could be used",
            self.source_ready.clone(),
        );
        registry.register(
            "coxswain_source_polls",
            "Looks at a remote source, by outcome",
            self.source_polls.clone(),
        );
        registry.register_with_unit(
            "coxswain_source_last_answer_timestamp",
            "When a remote source answered last, since 1970",
            Unit::Seconds,
            self.source_answered.clone(),
        );
        registry.register(
            "coxswain_source_refusals",
            "Readings of the manifests that were not taken, by reason",
            self.source_refusals.clone(),
        );
        registry.register(
            "coxswain_source_sequence",
            "Number of the manifests that stand",
            self.source_sequence.clone(),
        );
        registry.register("coxswain_leader", "1 where this replica leads", self.leader.clone());
        registry.register("coxswain_epoch", "The lease's term in which it leads", self.epoch.clone());
        registry.register("coxswain_kill_switch", "1 where nothing is sent to AWS", self.kill_switch.clone());
        let help = "Calls of AWS that were not sent for want of the lease or by the kill switch";
        registry.register("coxswain_writes_withheld", help, self.withheld.clone());
        let help = "Those who follow events now, or the changes of services";
        registry.register("coxswain_streams", help, self.streams.clone());
        let help = "1 where it answered last, by what the controller depends on";
        registry.register("coxswain_dependency_up", help, self.dependencies.clone());
        registry.register("coxswain_drift_corrections", "Updates that undid drift", self.corrections.clone());
        registry.register("coxswain_queue_depth", "Objects in the queue, by state", self.queue.clone());
    }

    /// Counts one look.
    pub(crate) fn reconciled(&self, report: &Report) {
        let took = report.ended_at.duration_since(report.began_at);
        self.duration.observe(took.as_secs_f64());
        let result = match &report.error {
            Some(error) => error.reason().name(),
            None if report.done.is_empty() => "Unchanged",
            None => "Changed",
        };
        self.reconciled.get_or_create(&ResultLabel { result }).inc();
        if let Some(plan) = &report.plan {
            self.followed(plan, report);
        }
    }

    fn followed(&self, plan: &Plan, report: &Report) {
        for end in plan.events.iter().filter_map(|event| event.rollout.as_ref()) {
            let outcome = if end.succeeded { "succeeded" } else { "failed" };
            self.rollouts.get_or_create(&OutcomeLabel { outcome }).inc();
        }
        let corrected = plan.steps.iter().filter(|planned| {
            planned.reason == Reason::Drifted
                && planned.step.operation() != "RegisterTaskDefinition"
                && report.done.contains(&planned.step.operation())
        });
        self.corrections.inc_by(u64::try_from(corrected.count()).unwrap_or(u64::MAX));
    }

    /// Sets how many objects have which words.
    pub(crate) fn objects(&self, words: &[(Sync, Health)]) {
        for sync in Sync::ALL {
            for health in Health::ALL {
                let count = words.iter().filter(|word| **word == (*sync, *health)).count();
                let label = ObjectLabel { sync: sync.as_str(), health: health.as_str() };
                self.objects.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    /// Counts one reading of the manifests.
    pub(crate) fn source_read(&self, report: &SourceReport) {
        self.source_ready.set(i64::from(report.is_ready));
        if !report.is_ready {
            self.source_refusals.get_or_create(&ReasonLabel { reason: report.reason.name() }).inc();
        }
        if let Some(accepted) = &report.accepted {
            self.source_sequence.set(i64::try_from(accepted.sequence).unwrap_or(i64::MAX));
        }
    }

    /// Counts one look at a remote source.
    pub(crate) fn source_polled(&self, outcome: PollOutcome, now: Timestamp) {
        self.source_polls.get_or_create(&PollLabel { outcome: outcome.as_str() }).inc();
        if outcome != PollOutcome::Unreachable {
            self.source_answered.set(now.as_second());
        }
    }

    /// Sets whether this replica leads, and in which term.
    pub(crate) fn leader(&self, leads: bool, epoch: u64) {
        self.leader.set(i64::from(leads));
        self.epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
    }

    /// Sets whether the kill switch is set.
    pub(crate) fn kill_switch(&self, is_set: bool) {
        self.kill_switch.set(i64::from(is_set));
    }

    /// Sets how many calls were withheld.
    pub(crate) fn withheld(&self, count: u64) {
        self.withheld.inc_by(count.saturating_sub(self.withheld.get()));
    }

    /// Sets how many follow.
    pub(crate) fn streams(&self, count: usize) {
        self.streams.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Sets what answers.
    pub(crate) fn dependencies(&self, dependencies: &[Dependency]) {
        for one in dependencies {
            let label = DependencyLabel { dependency: one.name.to_lowercase() };
            self.dependencies.get_or_create(&label).set(i64::from(one.is_ok));
        }
    }

    /// Sets how full the queue is.
    pub fn queue_depth(&self, depth: coxswain_runtime::Depth) {
        for (state, count) in [("due", depth.due), ("delayed", depth.delayed), ("in_work", depth.in_work)] {
            self.queue.get_or_create(&QueueLabel { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Counts one AWS call.
    fn aws_call(&self, operation: Operation, outcome: &'static str) {
        self.aws_calls.get_or_create(&CallLabel { operation: operation.name(), outcome }).inc();
    }

    /// All of it, as `/metrics` answers.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts the calls that go through it.
#[derive(Debug)]
pub struct Counted<A> {
    inner: A,
    metrics: Arc<Metrics>,
}

impl<A> Counted<A> {
    /// Counts calls to `inner`.
    pub fn new(inner: A, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl<A: Aws> Aws for Counted<A> {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        let answer = self.inner.call(operation, input).await;
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => match error.failure {
                Failure::NotFound { .. } => "not_found",
                Failure::Throttled { .. } => "throttled",
                Failure::Conflict { .. } => "conflict",
                Failure::Denied { .. } => "denied",
                Failure::Invalid { .. } => "invalid",
                Failure::Unavailable { .. } => "unavailable",
                Failure::InDoubt { .. } => "in_doubt",
                Failure::Withheld(_) => "withheld",
            },
        };
        self.metrics.aws_call(operation, outcome);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Throttling;

    #[async_trait]
    impl Aws for Throttling {
        async fn call(&self, operation: Operation, _: Value) -> Result<Value, AwsError> {
            let failure = Failure::Throttled { after: None, message: "Rate exceeded".to_owned() };
            Err(AwsError { operation, failure, request_id: None })
        }
    }

    #[tokio::test]
    async fn every_call_is_counted_by_operation_and_outcome() {
        let metrics = Arc::new(Metrics::new());
        let aws = Counted::new(Throttling, metrics.clone());
        for _ in 0..2 {
            let _ = aws.call(Operation::UpdateService, Value::Null).await;
        }
        let text = metrics.text().unwrap();
        let line = "coxswain_aws_calls_total{operation=\"UpdateService\",outcome=\"throttled\"} 2";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn every_metric_has_its_documented_name() {
        let metrics = Metrics::new();
        metrics.objects(&[(Sync::Synced, Health::Healthy)]);
        metrics.queue_depth(coxswain_runtime::Depth { due: 1, delayed: 2, in_work: 3 });
        metrics.source_read(&crate::status::fixture::source(1));
        metrics.source_polled(PollOutcome::Unchanged, crate::status::fixture::at(7));
        metrics.leader(true, 7);
        metrics.kill_switch(true);
        metrics.duration.observe(0.5);
        let text = metrics.text().unwrap();
        for name in [
            "coxswain_build_info{version=",
            "coxswain_reconcile_duration_seconds_bucket",
            "coxswain_objects{sync=\"Synced\",health=\"Healthy\"} 1",
            "coxswain_source_ready 1",
            "coxswain_source_polls_total{outcome=\"unchanged\"} 1",
            "coxswain_source_last_answer_timestamp_seconds ",
            "coxswain_source_sequence 1",
            "coxswain_leader 1",
            "coxswain_epoch 7",
            "coxswain_kill_switch 1",
            "coxswain_drift_corrections_total 0",
            "coxswain_queue_depth{state=\"in_work\"} 3",
        ] {
            assert!(text.contains(name), "{name} is not in\n{text}");
        }
    }
}
