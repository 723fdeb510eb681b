//! The shapes of the AWS APIs that Coxswain speaks: data, and one walk over it.
//!
//! Start with [`ecs`]: an [`Api`] with its operations, each with the shape of its request and answer.
//! The table is generated from botocore's model by `cargo xtask codegen` and holds names, types,
//! enumerations, ranges and requiredness, and no opinion on what a value means (that is
//! `coxswain-ecs-model`'s). [`check`] finds every violation of a tree in one run; [`lower`] turns
//! what people write into the wire's JSON.

#[rustfmt::skip]
#[allow(clippy::unreadable_literal, reason = "generated: numbers stand as the model has them")]
mod generated;
mod shape;
mod walk;

pub use generated::{
    application_autoscaling::API as APPLICATION_AUTOSCALING, ecr::API as ECR, ecs::API as ECS,
    elbv2::API as ELBV2, events::API as EVENTS, kms::API as KMS, logs::API as LOGS,
    secretsmanager::API as SECRETS_MANAGER, servicediscovery::API as CLOUD_MAP, sqs::API as SQS,
    ssm::API as SSM, sts::API as STS,
};
pub use shape::{Api, Kind, Member, Operation, Shape};
pub use walk::{Node, Path, Problem, Reading, Segment, View, Violation, check, lower};

/// Amazon ECS, version 2014-11-13.
pub fn ecs() -> &'static Api {
    &ECS
}

/// Application Auto Scaling, as far as scalable targets, policies and scheduled actions go.
pub fn application_autoscaling() -> &'static Api {
    &APPLICATION_AUTOSCALING
}

/// AWS Systems Manager, as far as parameters go.
pub fn ssm() -> &'static Api {
    &SSM
}

/// Amazon CloudWatch Logs, as far as reading a stream goes.
pub fn logs() -> &'static Api {
    &LOGS
}

/// Amazon ECR, as far as looking images up goes.
pub fn ecr() -> &'static Api {
    &ECR
}

/// AWS Secrets Manager.
pub fn secrets_manager() -> &'static Api {
    &SECRETS_MANAGER
}

/// AWS Key Management Service.
pub fn kms() -> &'static Api {
    &KMS
}

/// AWS Cloud Map, which botocore calls `servicediscovery`.
pub fn cloud_map() -> &'static Api {
    &CLOUD_MAP
}

/// AWS Security Token Service.
pub fn sts() -> &'static Api {
    &STS
}

/// Amazon Simple Queue Service.
pub fn sqs() -> &'static Api {
    &SQS
}

/// Amazon EventBridge.
pub fn events() -> &'static Api {
    &EVENTS
}

/// Elastic Load Balancing v2, which speaks AWS's query protocol.
pub fn elbv2() -> &'static Api {
    &ELBV2
}
