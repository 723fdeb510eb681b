//! Scaling at work: orders are carried out by UpdateService, in the name of Application Auto Scaling.

use coxswain_ecs_shapes::ecs;
use serde_json::json;

use super::{Order, Standing};
use crate::{clock::Time, error::ApiError, events::Caller, wire::Checked, world::World};

/// Who asks ECS for another count. Source: *user guide*
/// application-auto-scaling-service-linked-roles.html.
const CALLER: Caller = Caller::Service("ecs.application-autoscaling.amazonaws.com");

impl World {
    /// Says what a metric of a service is from now on, such as `service/main/web` and
    /// `ECSServiceAverageCPUUtilization`; `None` where there are no data any more.
    ///
    /// A customized metric is told by its name, one that a formula makes by the policy's.
    pub fn set_metric(&self, resource_id: &str, metric: &str, value: Option<f64>) {
        self.scaling.set_metric(resource_id, metric, value, self.clock.now());
        self.wake();
    }

    /// The metrics that were told: resource, name and value.
    pub fn metrics(&self) -> Vec<(String, String, f64)> {
        self.scaling.metrics()
    }

    /// Has an alarm ask a step scaling policy, by its name or ARN, with its metric so far beyond its
    /// threshold; `None` takes it out of ALARM. Says whether there is such a policy.
    pub fn set_scaling_alarm(&self, name: &str, policy: &str, breach: Option<f64>) -> bool {
        let found = self.scaling.set_alarm(name, policy, breach, self.clock.now());
        if found {
            self.set_alarm(name, breach.is_some());
        }
        found
    }

    /// How the service of a cluster and name stands, as scaling looks at it.
    pub(crate) fn standing(&self, cluster: &str, service: &str) -> Option<Standing> {
        self.state().standing(cluster, service)
    }

    /// Sets the counts that are due; says when some are due next.
    pub(crate) fn scale(&self) -> Option<Time> {
        let now = self.clock.now();
        let look = |cluster: &str, service: &str| self.standing(cluster, service);
        for order in self.scaling.due(&look, now) {
            let outcome = self.set_count(&order, now).map_err(|error| error.to_string());
            self.scaling.done(order, outcome, now);
        }
        self.scaling.wakes_at()
    }

    /// One UpdateService; whoever dies here looks at the count again, and finds it set or not.
    fn set_count(&self, order: &Order, now: Time) -> Result<(), ApiError> {
        let missing = || ApiError::server("the shape table lacks UpdateService");
        let operation = ecs().operation("UpdateService").ok_or_else(missing)?;
        let request = json!({
            "cluster": order.cluster, "service": order.service, "desiredCount": order.count,
        });
        let checked = Checked { operation, request };
        let outcome = crate::ecs::call(&mut self.state(), &checked, now);
        self.tell_of_call((operation.name, &checked.request), &CALLER, &outcome);
        outcome.map(|_| ())
    }
}
