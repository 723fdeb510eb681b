//! What AWS leaves unsettled, as switches.

/// Behaviour of ECS for which there is no source, or for which sources differ.
///
/// The default of each is what the sources lean to; a client that works under both settings of a
/// switch does not depend on it. See `docs/fidelity.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and none excludes another")]
pub struct Switches {
    /// Whether an `UpdateService` that names only values that stand already starts a deployment.
    ///
    /// What AWS does is not documented; the default is no deployment.
    pub identical_update_deploys: bool,
    /// Whether `StopServiceDeployment` takes the stop type `ABORT`.
    ///
    /// The model's enum has it and the API's description names `ROLLBACK` alone; the default is a
    /// refusal.
    pub abort_stops: bool,
    /// Whether the circuit breaker watches deployments that shift traffic.
    ///
    /// The API's description says that it is for rolling updates only; terraform-provider-aws expects
    /// of AWS that it rolls a `BLUE_GREEN` deployment back. The default is that it watches.
    pub breaker_watches_every_strategy: bool,
    /// Whether failures that are seen at one time count once for the circuit breaker.
    ///
    /// How it counts under several parallel launches is not documented; the default counts each.
    pub breaker_counts_a_batch_once: bool,
    /// Whether DescribeTaskDefinition, DescribeServices and their like show lists in another order.
    ///
    /// Published read-backs were permuted, perhaps by CloudFormation; the default keeps the order.
    pub permutes_lists: bool,
    /// Whether a service's first deployment, which has nothing to return to, bakes.
    ///
    /// Not documented; the default is no bake.
    pub first_deployment_bakes: bool,
    /// Whether `lifecycleStage` shows `PRE_PRODUCTION_TRAFFIC_SHIFT`.
    ///
    /// The API's description lists it and the model's enum does not; the default shows
    /// `PRODUCTION_TRAFFIC_SHIFT` in its place, which every client knows.
    pub shows_pre_production_stage: bool,
    /// Whether a load balancer takes away headers of client certificates that a client sent itself.
    ///
    /// No page of AWS says so. What the load balancer sets is in the place of what the client sent in
    /// any case; the default leaves the others, so that nobody relies on it.
    pub removes_client_sent_mtls_headers: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            identical_update_deploys: false,
            abort_stops: false,
            breaker_watches_every_strategy: true,
            breaker_counts_a_batch_once: false,
            permutes_lists: false,
            first_deployment_bakes: false,
            shows_pre_production_stage: false,
            removes_client_sent_mtls_headers: false,
        }
    }
}
