//! AWS, as the controller sees it: named operations that take JSON and answer JSON.
//!
//! [`Aws`] is the seam. [`SdkAws`] stands behind it in production and in tests (there with the local
//! ECS's connector in place of the network); [`Limited`] goes in front of it and keeps the documented
//! rates. [`AwsError`] says what a failure means; no other module knows AWS's codes.

mod error;
mod limit;
mod location;
mod operation;
mod raw;
mod sdk;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

pub use error::{AwsError, Failure};
pub use limit::{Limited, Limits};
pub use location::{AssumedRole, CALL_TIMEOUT, ClockTime, Location, session_name};
pub use operation::{Api, Operation};
pub use sdk::SdkAws;

/// Calls AWS.
///
/// The JSON on both sides is the wire's own, so that members newer than the SDK pass through.
///
/// # Cancel safety
/// Dropping the future of a call that writes leaves it in doubt whether it took effect.
#[async_trait]
pub trait Aws: Debug + Send + Sync {
    /// Sends one request and returns its answer.
    ///
    /// # Errors
    /// [`Failure::InDoubt`] where a call that writes may have taken effect although no answer came: look
    /// before acting again. A call that only reads is never in doubt.
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError>;
}

#[async_trait]
impl<T: Aws + ?Sized> Aws for Arc<T> {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        (**self).call(operation, input).await
    }
}
