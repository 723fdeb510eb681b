//! Scalable targets: between which counts a service is kept, and what is suspended.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    DESIRED_COUNT, Inner, Look, Scaling, TargetKey, action::ScheduledAction, invalid, is_wanted, not_found,
    pages, policy::Policy,
};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// Most tags of a target. Source: *API* API_TagResource.html.
const MOST_TAGS: usize = 50;

/// What is suspended of a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Suspended {
    pub(super) scaling_in: bool,
    pub(super) scaling_out: bool,
    pub(super) scheduled: bool,
}

impl Suspended {
    /// What stands, with what a request says of it.
    fn merged(self, request: &Value) -> Self {
        let given = request.member("SuspendedState");
        let flag = |name: &str, stands: bool| given.and_then(|given| given.flag(name)).unwrap_or(stands);
        Self {
            scaling_in: flag("DynamicScalingInSuspended", self.scaling_in),
            scaling_out: flag("DynamicScalingOutSuspended", self.scaling_out),
            scheduled: flag("ScheduledScalingSuspended", self.scheduled),
        }
    }

    fn show(self) -> Value {
        json!({
            "DynamicScalingInSuspended": self.scaling_in,
            "DynamicScalingOutSuspended": self.scaling_out,
            "ScheduledScalingSuspended": self.scheduled,
        })
    }
}

/// A scalable target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) suspended: Suspended,
    /// Whether the count is still to be brought between the bounds, as they were set last.
    pub(super) is_unchecked: bool,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) actions: BTreeMap<String, ScheduledAction>,
    role: String,
    created_at: Time,
    tags: BTreeMap<String, String>,
}

impl Target {
    /// The count that is between the bounds and nearest to this one.
    pub(super) fn bound(&self, count: u64) -> u64 {
        count.min(self.max).max(self.min)
    }

    fn show(&self, key: &TargetKey) -> Value {
        let mut shown = key.show();
        let rest = json!({
            "MinCapacity": self.min,
            "MaxCapacity": self.max,
            "RoleARN": self.role,
            "CreationTime": self.created_at.to_json(),
            "SuspendedState": self.suspended.show(),
            "ScalableTargetARN": self.arn,
        });
        if let Value::Object(rest) = rest {
            shown.extend(rest);
        }
        shown.into()
    }
}

impl Scaling {
    /// Registers a target, or changes what a request names of one that is there.
    pub(super) fn register(
        &self,
        inner: &mut Inner,
        request: &Value,
        look: Look<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let key = TargetKey::of(request);
        check(&key, look)?;
        let known = inner.targets.get(&key);
        let bound = |name: &str| {
            let refused = |number| invalid(format!("{name} must be 0 or more, and is {number}"));
            let given = request.member(name);
            given.map(|number| number.as_u64().ok_or_else(|| refused(number))).transpose()
        };
        let both = (bound("MinCapacity")?, bound("MaxCapacity")?);
        let bounds = match (both, known) {
            ((Some(min), Some(max)), _) => (min, max),
            ((min, max), Some(known)) => (min.unwrap_or(known.min), max.unwrap_or(known.max)),
            _ => {
                let text = "MinCapacity and MaxCapacity are required when registering a new scalable target";
                return Err(invalid(text));
            }
        };
        if bounds.0 > bounds.1 {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        let suspended = known.map(|known| known.suspended).unwrap_or_default().merged(request);
        let role = request.text("RoleARN").map(str::to_owned);
        let tags = request.text_map("Tags");
        if let Some(known) = inner.targets.get_mut(&key) {
            if !tags.is_empty() {
                // An update takes no tags; TagResource is for that.
                return Err(invalid("Tags can be given only when a scalable target is registered first"));
            }
            (known.min, known.max) = bounds;
            known.suspended = suspended;
            known.role = role.unwrap_or_else(|| known.role.clone());
            known.is_unchecked = true;
            return Ok(json!({"ScalableTargetARN": known.arn}));
        }
        let id: String = inner.random.hex32();
        let target = Target {
            // 34 letters and digits, the first four of which name the kind of target.
            arn: format!(
                "arn:aws:application-autoscaling:{}:{}:scalable-target/0ec5{}",
                self.region,
                self.account,
                id.get(..30).unwrap_or(&id)
            ),
            min: bounds.0,
            max: bounds.1,
            suspended,
            is_unchecked: true,
            policies: BTreeMap::new(),
            actions: BTreeMap::new(),
            role: role.unwrap_or_else(|| self.service_linked_role(&key)),
            created_at: now,
            tags,
        };
        let answer = json!({"ScalableTargetARN": target.arn});
        inner.targets.insert(key, target);
        Ok(answer)
    }

    /// The role that AWS makes for it in every account. Source: *Application Auto Scaling user guide*
    /// application-auto-scaling-service-linked-roles.html.
    fn service_linked_role(&self, key: &TargetKey) -> String {
        let (service, name) = match key.namespace.as_str() {
            "ecs" => ("ecs", "ECSService"),
            "dynamodb" => ("dynamodb", "DynamoDBTable"),
            "rds" => ("rds", "RDSCluster"),
            other => (other, "CustomResource"),
        };
        format!(
            "arn:aws:iam::{}:role/aws-service-role/{service}.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_{name}",
            self.account
        )
    }
}

/// Whether there is such a thing to scale.
fn check(key: &TargetKey, look: Look<'_>) -> Result<(), ApiError> {
    let fits = key.dimension.starts_with(&format!("{}:", key.namespace));
    if !fits || (key.namespace == "ecs" && key.dimension != DESIRED_COUNT) {
        return Err(invalid("Unsupported service namespace, resource type or scalable dimension"));
    }
    if key.namespace != "ecs" {
        return Ok(());
    }
    let (cluster, service) = key
        .service()
        .ok_or_else(|| invalid("Unsupported service namespace, resource type or scalable dimension"))?;
    let missing = || invalid(format!("ECS service doesn't exist: {}", key.resource));
    look(cluster, service).map(|_| ()).ok_or_else(missing)
}

/// Its policies and scheduled actions go with it.
pub(super) fn deregister(inner: &mut Inner, request: &Value) -> Result<Value, ApiError> {
    let key = TargetKey::of(request);
    let missing = || not_found(format!("No scalable target found for {}", key.in_words()));
    inner.targets.remove(&key).map(|_| json!({})).ok_or_else(missing)
}

pub(super) fn describe(inner: &Inner, request: &Value) -> Result<Value, ApiError> {
    let named: Vec<&str> = request.texts("ResourceIds").collect();
    let wanted = |key: &TargetKey| {
        is_wanted(key, request) && (named.is_empty() || named.contains(&key.resource.as_str()))
    };
    let targets = inner.targets.iter().filter(|(key, _)| wanted(key));
    pages(request, "ScalableTargets", targets.map(|(key, target)| (key.in_words(), target.show(key))))
}

pub(super) fn tags(inner: &mut Inner, operation: &str, request: &Value) -> Result<Value, ApiError> {
    let arn = request.text("ResourceARN").unwrap_or_default();
    let found = inner.targets.values_mut().find(|target| target.arn == arn);
    let missing = || {
        ApiError::new("ResourceNotFoundException", "The specified resource doesn't exist.")
            .with("ResourceName", arn)
    };
    let target = found.ok_or_else(missing)?;
    match operation {
        "TagResource" => {
            let mut tags = target.tags.clone();
            tags.extend(request.text_map("Tags"));
            if tags.len() > MOST_TAGS {
                let text = "The request contains too many tags. Try the request again with fewer tags.";
                return Err(ApiError::new("TooManyTagsException", text));
            }
            target.tags = tags;
        }
        "UntagResource" => target.tags.retain(|key, _| !request.texts("TagKeys").any(|gone| gone == key)),
        _ => return Ok(json!({"Tags": target.tags})),
    }
    Ok(json!({}))
}
