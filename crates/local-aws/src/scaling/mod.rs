//! Application Auto Scaling: targets, policies and scheduled actions, which act on the local ECS.
//!
//! Start with [`Scaling`]: operations change what it holds, [`Scaling::due`] says from time and metrics
//! alone which counts are to be set, and `act.rs` sets them by UpdateService, as AWS does.
//!
//! # Limits
//!
//! There is no CloudWatch: metrics and the alarms of step scaling are told
//! ([`LocalAws::set_metric`](crate::LocalAws::set_metric),
//! [`LocalAws::set_scaling_alarm`](crate::LocalAws::set_scaling_alarm)). Targets of other namespaces than
//! `ecs` are kept and read back, and nothing acts on them. No predictive scaling, and activities that
//! scale nothing are not noted.

mod act;
mod action;
mod activity;
mod cron;
mod decide;
mod neighbour;
mod policy;
mod schedule;
mod step;
mod target;
mod tracking;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value};

pub(crate) use self::neighbour::ApplicationAutoScaling;
use self::{activity::Activity, target::Target};
use crate::{
    clock::Time,
    ecs::{Members, page},
    error::ApiError,
    id::Random,
    wire::not_done,
};

/// What is scaled: the one dimension of ECS.
const DESIRED_COUNT: &str = "ecs:service:DesiredCount";

/// Most items of a page. Source: *API* API_DescribeScalableTargets.html.
const PAGE: usize = 50;

/// What identifies a scalable target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TargetKey {
    namespace: String,
    resource: String,
    dimension: String,
}

impl TargetKey {
    fn of(request: &Value) -> Self {
        let text = |name: &str| request.text(name).unwrap_or_default().to_owned();
        Self {
            namespace: text("ServiceNamespace"),
            resource: text("ResourceId"),
            dimension: text("ScalableDimension"),
        }
    }

    /// Cluster and name, where it is a service of ECS.
    fn service(&self) -> Option<(&str, &str)> {
        let rest = self.resource.strip_prefix("service/").filter(|_| self.dimension == DESIRED_COUNT)?;
        rest.split_once('/').filter(|(cluster, name)| !cluster.is_empty() && !name.is_empty())
    }

    /// As the API's errors name it.
    fn in_words(&self) -> String {
        format!(
            "service namespace: {}, resource ID: {}, scalable dimension: {}",
            self.namespace, self.resource, self.dimension
        )
    }

    fn show(&self) -> Map<String, Value> {
        let members = [
            ("ServiceNamespace", &self.namespace),
            ("ResourceId", &self.resource),
            ("ScalableDimension", &self.dimension),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))).collect()
    }
}

/// A service as far as scaling looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) desired: u64,
    pub(crate) running: u64,
    /// Scale-in waits for the end of a deployment.
    pub(crate) is_deploying: bool,
}

/// How the service of a cluster and name stands; `None` where there is none that is ACTIVE.
pub(crate) type Look<'a> = &'a dyn Fn(&str, &str) -> Option<Standing>;

/// A count to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    key: TargetKey,
    pub(crate) cluster: String,
    pub(crate) service: String,
    pub(crate) count: u64,
    cause: String,
}

/// The scalable targets of one account and region, and what happened to them.
#[derive(Debug)]
pub(crate) struct Scaling {
    account: String,
    region: String,
    inner: Mutex<Inner>,
}

/// What the lock holds.
#[derive(Debug)]
struct Inner {
    random: Random,
    targets: BTreeMap<TargetKey, Target>,
    /// Oldest first.
    activities: Vec<Activity>,
    /// By resource and name; what was told and stands.
    metrics: BTreeMap<(String, String), f64>,
}

impl Scaling {
    pub(crate) fn new(account: &str, region: &str, random: Random) -> Self {
        let inner =
            Inner { random, targets: BTreeMap::new(), activities: Vec::new(), metrics: BTreeMap::new() };
        Self { account: account.to_owned(), region: region.to_owned(), inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(
        &self,
        operation: &str,
        request: &Value,
        look: Look<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let mut inner = self.lock();
        match operation {
            "RegisterScalableTarget" => self.register(&mut inner, request, look, now),
            "DeregisterScalableTarget" => target::deregister(&mut inner, request),
            "DescribeScalableTargets" => target::describe(&inner, request),
            "PutScalingPolicy" => self.put_policy(&mut inner, request, now),
            "DeleteScalingPolicy" => policy::delete(&mut inner, request),
            "DescribeScalingPolicies" => policy::describe(&inner, request),
            "PutScheduledAction" => self.put_action(&mut inner, request, now),
            "DeleteScheduledAction" => action::delete(&mut inner, request),
            "DescribeScheduledActions" => action::describe(&inner, request),
            "DescribeScalingActivities" => {
                activity::close_fulfilled(&mut inner, look, now);
                activity::describe(&inner, request, now)
            }
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                target::tags(&mut inner, operation, request)
            }
            other => Err(not_done("application-autoscaling", other)),
        }
    }
}

impl Inner {
    /// The target that a policy or an action is put on.
    fn registered(&mut self, key: &TargetKey) -> Result<&mut Target, ApiError> {
        let missing = || not_found(format!("No scalable target registered for {}", key.in_words()));
        self.targets.get_mut(key).ok_or_else(missing)
    }
}

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", text)
}

fn not_found(text: impl Into<String>) -> ApiError {
    ApiError::new("ObjectNotFoundException", text)
}

/// Whether a request's filters let a target through.
fn is_wanted(key: &TargetKey, request: &Value) -> bool {
    let same = |name: &str, value: &str| request.text(name).is_none_or(|wanted| wanted == value);
    same("ServiceNamespace", &key.namespace)
        && same("ResourceId", &key.resource)
        && same("ScalableDimension", &key.dimension)
}

/// A page of what is listed, each with what the next page begins behind.
fn pages(
    request: &Value,
    member: &str,
    items: impl Iterator<Item = (String, Value)>,
) -> Result<Value, ApiError> {
    let size = page::size(request.whole("MaxResults"), PAGE, PAGE)
        .map_err(|error| ApiError { code: "ValidationException".into(), ..error })?;
    let after = page::key(request.text("NextToken"))
        .map_err(|_| ApiError::new("InvalidNextTokenException", "The next token supplied is invalid."))?;
    let items = items.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let page = page::cut(items, size, |(key, _)| key.clone());
    let items: Vec<Value> = page.items.into_iter().map(|(_, item)| item).collect();
    let mut answer = Map::from_iter([(member.to_owned(), items.into())]);
    answer.extend(page.next_token.map(|token| ("NextToken".to_owned(), token.into())));
    Ok(answer.into())
}

#[cfg(test)]
mod tests;
