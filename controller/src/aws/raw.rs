//! The wire's own JSON through a typed client: one interceptor that writes the body and reads the answer.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) error_header: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) request_id: Option<String>,
}

/// Replaces a request's body before it is signed, and keeps the answer as it came.
///
/// The SDK's own serializer runs on an empty input and its deserializer on the answer; neither has a
/// say in what is sent and read, so that members newer than the SDK pass both ways.
#[derive(Debug, Clone)]
pub(super) struct RawJson {
    body: Vec<u8>,
    answer: Arc<Mutex<Option<RawAnswer>>>,
}

impl RawJson {
    pub(super) fn new(body: Vec<u8>) -> Self {
        Self { body, answer: Arc::default() }
    }

    /// The answer, once the call has returned; `None` where none came.
    pub(super) fn take_answer(&self) -> Option<RawAnswer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for RawJson {
    fn name(&self) -> &'static str {
        "RawJson"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(self.body.clone());
        request.headers_mut().insert("content-length", self.body.len().to_string());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let answer = RawAnswer {
            status: response.status().as_u16(),
            body: response.body().bytes().unwrap_or_default().to_vec(),
            error_header: header("x-amzn-errortype"),
            retry_after: header("retry-after"),
            request_id: header("x-amzn-requestid"),
        };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(())
    }
}
