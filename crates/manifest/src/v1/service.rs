//! `kind: Service`: an ECS service with its task definition.

use std::sync::LazyLock;

use coxswain_ecs_shapes::{Kind, Member, Shape};

use super::{BOOLEAN, Later, METADATA, Moved, STRING, leak, optional, required};

/// How long a rollout may go without progress unless the manifest says otherwise: as long as
/// Kubernetes waits (`progressDeadlineSeconds` of its Deployment).
pub(crate) const PROGRESS_DEADLINE_SECONDS: u32 = 600;

/// The whole document.
pub(crate) static DOCUMENT: LazyLock<Shape> = LazyLock::new(|| {
    let members = vec![
        required("apiVersion", &STRING),
        required("kind", &STRING),
        required("metadata", &METADATA),
        required("spec", leak("ServiceSpec", spec())),
    ];
    Shape { name: "Service", kind: Kind::Structure(members.leak()) }
});

/// `spec.taskDefinition`: RegisterTaskDefinition's request.
pub(crate) static TASK_DEFINITION: LazyLock<Shape> =
    LazyLock::new(|| super::request("RegisterTaskDefinition", MOVED, &["family"]));

/// `spec.service`: CreateService's request.
pub(crate) static SERVICE: LazyLock<Shape> =
    LazyLock::new(|| super::request("CreateService", MOVED, &["serviceName"]));

fn spec() -> Vec<Member> {
    vec![
        optional("count", &COUNT),
        optional("drift", &DRIFT),
        optional("ignoreDifferences", &PATHS),
        optional("rollout", &ROLLOUT),
        optional("service", &SERVICE),
        optional("suspend", &BOOLEAN),
        required("taskDefinition", &TASK_DEFINITION),
    ]
}

static COUNT: Shape = Shape {
    name: "Count",
    kind: Kind::Structure(&[optional("fixed", &TASKS), optional("unmanaged", &BOOLEAN)]),
};

/// A service runs at most 5,000 tasks. Source: AWS, "Amazon ECS service quotas", tasks per service.
static TASKS: Shape = Shape { name: "Tasks", kind: Kind::Integer { min: Some(0), max: Some(5000) } };

/// `correct` or `report`.
pub(crate) static DRIFT: Shape = Shape {
    name: "Drift",
    kind: Kind::String { values: &["correct", "report"], pattern: None, min: None, max: None },
};

static PATHS: Shape = Shape { name: "Paths", kind: Kind::List { item: &STRING, min: None, max: None } };

static ROLLOUT: Shape =
    Shape { name: "Rollout", kind: Kind::Structure(&[optional("progressDeadlineSeconds", &DEADLINE)]) };

/// From a minute to a day.
static DEADLINE: Shape = Shape { name: "Deadline", kind: Kind::Integer { min: Some(60), max: Some(86_400) } };

/// Fields of the design that this version refuses by name.
pub(crate) const LATER: &[Later] = &[
    Later {
        shape: "Count",
        field: "autoscaling",
        instead: "write count: { unmanaged: true } for a count that an autoscaler decides",
    },
    Later {
        shape: "Count",
        field: "schedule",
        instead: "write count: { fixed: 2 }, or { unmanaged: true } for a count that scheduled actions decide",
    },
    Later {
        shape: "ServiceSpec",
        field: "deletion",
        instead: "remove it; nothing is deleted by this version",
    },
    Later {
        shape: "ServiceSpec",
        field: "dependsOn",
        instead: "remove it; services roll independently in this version",
    },
    Later {
        shape: "ServiceSpec",
        field: "images",
        instead: "remove it, and write the image with its tag or digest",
    },
    Later {
        shape: "ServiceSpec",
        field: "restartOn",
        instead: "remove it; a changed secret needs a changed manifest in this version",
    },
    Later { shape: "Rollout", field: "approval", instead: "remove it" },
    Later {
        shape: "Rollout",
        field: "onFailure",
        instead: "remove it; a failed rollout is held, and ECS's circuit breaker rolls it back",
    },
    Later {
        shape: "Rollout",
        field: "preDeploy",
        instead: "remove it, and run the job before the manifest changes",
    },
];

/// Members of ECS's requests that a manifest says elsewhere.
pub(crate) const MOVED: &[Moved] = &[
    Moved {
        shape: "CreateServiceRequest",
        field: "clientToken",
        instead: "remove it: Coxswain makes one for each call",
    },
    Moved {
        shape: "CreateServiceRequest",
        field: "cluster",
        instead: "it belongs in spec.cluster of the Environment",
    },
    Moved {
        shape: "CreateServiceRequest",
        field: "desiredCount",
        instead: "it belongs in spec.count: { fixed: 2 }",
    },
    Moved {
        shape: "CreateServiceRequest",
        field: "taskDefinition",
        instead: "it belongs in spec.taskDefinition, as RegisterTaskDefinition's JSON",
    },
];
