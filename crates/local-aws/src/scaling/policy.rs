//! Scaling policies: what is tracked, by which steps, and what became of the last time.

use serde_json::{Value, json};

use super::{Inner, Scaling, TargetKey, invalid, is_wanted, not_found, pages, step, tracking};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// What kind of policy, with its configuration as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Tracking(Value),
    Step(Value),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Tracking(_) => "TargetTrackingScaling",
            Self::Step(_) => "StepScaling",
        }
    }

    /// The pause after it scaled out or in, in seconds; 300 for services of ECS where it names none.
    /// Source: *user guide* target-tracking-scaling-policy-overview.html, step-scaling-policy-overview.html.
    pub(super) fn cooldown(&self, scales_out: bool) -> u64 {
        let seconds = match (self, scales_out) {
            (Self::Tracking(configuration), true) => configuration.whole("ScaleOutCooldown"),
            (Self::Tracking(configuration), false) => configuration.whole("ScaleInCooldown"),
            (Self::Step(configuration), _) => configuration.whole("Cooldown"),
        };
        seconds.unwrap_or(300)
    }

    /// Whether it may take capacity away.
    pub(super) fn scales_in(&self) -> bool {
        match self {
            Self::Tracking(configuration) => configuration.flag("DisableScaleIn") != Some(true),
            Self::Step(_) => true,
        }
    }
}

/// An alarm of CloudWatch that a policy has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Alarm {
    pub(super) name: String,
    /// Since when it is in ALARM, or will be once that has lasted.
    pub(super) since: Option<Time>,
    /// When it was last acted upon since then.
    pub(super) acted_at: Option<Time>,
    /// By how much the metric is beyond the threshold, for steps.
    pub(super) breach: f64,
}

/// A pause after scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cooldown {
    pub(super) until: Time,
    /// The count that it scaled from.
    pub(super) from: u64,
}

/// A scaling policy.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) kind: Kind,
    /// Of tracking, the high one and then the low one; of steps, those that somebody told.
    pub(super) alarms: Vec<Alarm>,
    pub(super) after_out: Option<Cooldown>,
    pub(super) after_in: Option<Cooldown>,
    created_at: Time,
}

impl Policy {
    fn show_alarms(&self, scaling: (&str, &str)) -> Value {
        let (region, account) = scaling;
        let show = |alarm: &Alarm| {
            let arn = format!("arn:aws:cloudwatch:{region}:{account}:alarm:{}", alarm.name);
            json!({"AlarmName": alarm.name, "AlarmARN": arn})
        };
        self.alarms.iter().map(show).collect()
    }

    fn show(&self, key: &TargetKey) -> Value {
        let mut shown = key.show();
        // The policy's own ARN has the region and the account.
        let mut parts = self.arn.split(':').skip(3);
        let place = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let rest = json!({
            "PolicyARN": self.arn,
            "PolicyName": self.name,
            "PolicyType": self.kind.name(),
            "Alarms": self.show_alarms(place),
            "CreationTime": self.created_at.to_json(),
        });
        if let Value::Object(rest) = rest {
            shown.extend(rest);
        }
        let (member, configuration) = match &self.kind {
            Kind::Tracking(configuration) => ("TargetTrackingScalingPolicyConfiguration", configuration),
            Kind::Step(configuration) => ("StepScalingPolicyConfiguration", configuration),
        };
        shown.insert(member.to_owned(), configuration.clone());
        shown.into()
    }
}

/// The policy that a request describes, over one that stands.
fn kind_of(request: &Value, known: Option<&Policy>, namespace: &str) -> Result<Kind, ApiError> {
    let tracking = request.member("TargetTrackingScalingPolicyConfiguration");
    let steps = request.member("StepScalingPolicyConfiguration");
    if let (None, None, Some(known)) = (tracking, steps, known) {
        return Ok(known.kind.clone());
    }
    let named = request.text("PolicyType").or(known.map(|known| known.kind.name()));
    let kind = match (named.unwrap_or("StepScaling"), tracking, steps) {
        ("TargetTrackingScaling", Some(configuration), None) => Kind::Tracking(configuration.clone()),
        ("StepScaling", None, Some(configuration)) => Kind::Step(configuration.clone()),
        ("PredictiveScaling", ..) => {
            let text = "This local Application Auto Scaling does not do predictive scaling.";
            return Err(ApiError::new("UnsupportedFeatureException", text));
        }
        (named, ..) => {
            return Err(invalid(format!(
                "A policy of the type {named} needs the configuration of that type and no other"
            )));
        }
    };
    if known.is_some_and(|known| known.kind.name() != kind.name()) {
        return Err(invalid("The type of a scaling policy can't be changed"));
    }
    let checked = match &kind {
        Kind::Tracking(configuration) => tracking::check(configuration, namespace),
        Kind::Step(configuration) => step::check(configuration),
    };
    checked.map(|()| kind).map_err(invalid)
}

impl Scaling {
    /// Puts a policy on a target, or changes one that is there.
    pub(super) fn put_policy(
        &self,
        inner: &mut Inner,
        request: &Value,
        now: Time,
    ) -> Result<Value, ApiError> {
        let key = TargetKey::of(request);
        let name = request.text("PolicyName").unwrap_or_default();
        let ids = [inner.random.uuid(), inner.random.uuid(), inner.random.uuid()];
        let metrics = inner.metrics.clone();
        let target = inner.registered(&key)?;
        let kind = kind_of(request, target.policies.get(name), &key.namespace)?;
        if let Kind::Tracking(configuration) = &kind {
            let metric = |configuration: &Value| {
                ["PredefinedMetricSpecification", "CustomizedMetricSpecification"]
                    .map(|name| configuration.get(name).cloned())
            };
            let same = |policy: &Policy| {
                policy.name != name
                    && matches!(&policy.kind, Kind::Tracking(other) if metric(other) == metric(configuration))
            };
            if target.policies.values().any(same) {
                let text =
                    "Only one TargetTrackingScaling policy for a given metric specification is allowed.";
                return Err(invalid(text));
            }
        }
        let [id, high, low] = ids;
        let alarm = |which: &str, id: &str| Alarm {
            name: format!("TargetTracking-{}-{which}-{id}", key.resource),
            ..Alarm::default()
        };
        let alarms = match &kind {
            // What cannot scale in has nothing to watch for that.
            Kind::Tracking(_) if !kind.scales_in() => vec![alarm("AlarmHigh", &high)],
            Kind::Tracking(_) => vec![alarm("AlarmHigh", &high), alarm("AlarmLow", &low)],
            Kind::Step(_) => Vec::new(),
        };
        let known = target.policies.remove(name);
        let arn = known.as_ref().map(|known| known.arn.clone());
        let policy = Policy {
            name: name.to_owned(),
            arn: arn.unwrap_or_else(|| {
                format!(
                    "arn:aws:autoscaling:{}:{}:scalingPolicy:{id}:resource/{}/{}:policyName/{name}",
                    self.region, self.account, key.namespace, key.resource
                )
            }),
            alarms: match (&kind, &known) {
                (Kind::Step(_), Some(known)) => known.alarms.clone(),
                _ => alarms,
            },
            kind,
            after_out: known.as_ref().and_then(|known| known.after_out),
            after_in: known.as_ref().and_then(|known| known.after_in),
            created_at: known.as_ref().map_or(now, |known| known.created_at),
        };
        let mut answer = json!({"PolicyARN": policy.arn});
        if matches!(policy.kind, Kind::Tracking(_))
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("Alarms".to_owned(), policy.show_alarms((&self.region, &self.account)));
        }
        target.policies.insert(name.to_owned(), policy);
        target.watch(&key.resource, &metrics, now);
        Ok(answer)
    }
}

pub(super) fn delete(inner: &mut Inner, request: &Value) -> Result<Value, ApiError> {
    let key = TargetKey::of(request);
    let name = request.text("PolicyName").unwrap_or_default();
    let removed = inner.targets.get_mut(&key).and_then(|target| target.policies.remove(name));
    let missing =
        || not_found(format!("No scaling policy found for {}, policy name: {name}", key.in_words()));
    removed.map(|_| json!({})).ok_or_else(missing)
}

pub(super) fn describe(inner: &Inner, request: &Value) -> Result<Value, ApiError> {
    let named: Vec<&str> = request.texts("PolicyNames").collect();
    let of_targets = inner.targets.iter().filter(|(key, _)| is_wanted(key, request));
    let policies =
        of_targets.flat_map(|(key, target)| target.policies.values().map(move |policy| (key, policy)));
    let policies = policies.filter(|(_, policy)| {
        named.is_empty() || named.contains(&policy.name.as_str()) || named.contains(&policy.arn.as_str())
    });
    let shown =
        policies.map(|(key, policy)| (format!("{} {}", key.in_words(), policy.name), policy.show(key)));
    pages(request, "ScalingPolicies", shown)
}
