//! Calls at the documented rates: one bucket for each group of operations that AWS counts together.

use std::sync::Arc;

use async_trait::async_trait;
use coxswain_runtime::{Limiter, Quota};
use serde_json::Value;

use super::{Aws, AwsError, Failure, Operation};

/// Operations that share a bucket at AWS, per account and Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    ServiceReads,
    ServiceWrites,
    DefinitionReads,
    DefinitionWrites,
    DeploymentReads,
    TaskReads,
    TagWrites,
    ParameterReads,
    ParameterWrites,
    LogReads,
    ImageReads,
}

/// Burst and calls per second of each.
///
/// Sources: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>; for
/// parameters and logs the quota pages of Systems Manager and CloudWatch Logs. ECR names no rate for its
/// Describe calls; ours is careful.
const QUOTAS: [(Bucket, Quota); 11] = [
    (Bucket::ServiceReads, Quota { burst: 100, per_second: 20.0 }),
    (Bucket::ServiceWrites, Quota { burst: 50, per_second: 5.0 }),
    (Bucket::DefinitionReads, Quota { burst: 50, per_second: 20.0 }),
    (Bucket::DefinitionWrites, Quota { burst: 20, per_second: 1.0 }),
    (Bucket::DeploymentReads, Quota { burst: 50, per_second: 20.0 }),
    (Bucket::TaskReads, Quota { burst: 100, per_second: 20.0 }),
    (Bucket::TagWrites, Quota { burst: 20, per_second: 10.0 }),
    (Bucket::ParameterReads, Quota { burst: 40, per_second: 40.0 }),
    (Bucket::ParameterWrites, Quota { burst: 3, per_second: 3.0 }),
    (Bucket::LogReads, Quota { burst: 10, per_second: 10.0 }),
    (Bucket::ImageReads, Quota { burst: 20, per_second: 10.0 }),
];

fn bucket(operation: Operation) -> Bucket {
    match operation {
        Operation::DescribeServices => Bucket::ServiceReads,
        Operation::CreateService | Operation::UpdateService => Bucket::ServiceWrites,
        Operation::DescribeTaskDefinition => Bucket::DefinitionReads,
        Operation::RegisterTaskDefinition => Bucket::DefinitionWrites,
        Operation::ListServiceDeployments | Operation::DescribeServiceDeployments => Bucket::DeploymentReads,
        Operation::ListTasks | Operation::DescribeTasks => Bucket::TaskReads,
        Operation::TagResource | Operation::UntagResource => Bucket::TagWrites,
        Operation::GetParameters | Operation::GetParametersByPath => Bucket::ParameterReads,
        Operation::PutParameter | Operation::DeleteParameters => Bucket::ParameterWrites,
        Operation::GetLogEvents => Bucket::LogReads,
        Operation::DescribeImages | Operation::DescribeRepositories => Bucket::ImageReads,
    }
}

/// What is left of the rates; clones share it, as all calls of an account do.
#[derive(Debug, Clone)]
pub struct Limits(Option<Arc<Limiter<Bucket>>>);

impl Limits {
    /// Full buckets of the documented rates.
    pub fn documented() -> Self {
        let [(_, shared), ..] = QUOTAS;
        Self(Some(Arc::new(Limiter::new(QUOTAS, shared))))
    }

    /// No limits: for an AWS that has none.
    pub fn none() -> Self {
        Self(None)
    }
}

/// AWS behind rate limits; slower for a while after it has throttled.
#[derive(Debug)]
pub struct Limited<A> {
    inner: A,
    limits: Limits,
}

impl<A> Limited<A> {
    /// Puts the documented rates in front of `inner`, for callers who are the only ones.
    pub fn new(inner: A) -> Self {
        Self::sharing(Limits::documented(), inner)
    }

    /// Puts limits in front of `inner` that others share.
    pub fn sharing(limits: Limits, inner: A) -> Self {
        Self { inner, limits }
    }
}

#[async_trait]
impl<A: Aws> Aws for Limited<A> {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        let Some(limiter) = &self.limits.0 else { return self.inner.call(operation, input).await };
        let bucket = bucket(operation);
        limiter.acquire(&bucket).await;
        let answer = self.inner.call(operation, input).await;
        if matches!(&answer, Err(AwsError { failure: Failure::Throttled { .. }, .. })) {
            limiter.throttled(&bucket);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counted {
        calls: AtomicUsize,
        throttles_first: bool,
    }

    #[async_trait]
    impl Aws for Counted {
        async fn call(&self, operation: Operation, _input: Value) -> Result<Value, AwsError> {
            let nth = self.calls.fetch_add(1, Ordering::Relaxed);
            if self.throttles_first && nth == 0 {
                let failure = Failure::Throttled { after: None, message: "Rate exceeded".to_owned() };
                return Err(AwsError { operation, failure, request_id: None });
            }
            Ok(Value::Null)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_twenty_first_registration_waits_a_second_and_other_calls_do_not() {
        let aws = Limited::new(Counted::default());
        let start = tokio::time::Instant::now();
        for _ in 0..20 {
            aws.call(Operation::RegisterTaskDefinition, Value::Null).await.unwrap();
        }
        assert_eq!(start.elapsed().as_millis(), 0);
        aws.call(Operation::DescribeServices, Value::Null).await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 0);
        aws.call(Operation::RegisterTaskDefinition, Value::Null).await.unwrap();
        assert!(start.elapsed().as_millis() >= 999);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_bucket_is_taken_for_empty() {
        let aws = Limited::new(Counted { throttles_first: true, ..Counted::default() });
        let start = tokio::time::Instant::now();
        aws.call(Operation::UpdateService, Value::Null).await.unwrap_err();
        aws.call(Operation::UpdateService, Value::Null).await.unwrap();
        assert!(start.elapsed().as_millis() > 200, "it was not slowed down");
    }
}
