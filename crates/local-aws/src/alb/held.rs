//! A body on its way from a target: it counts as in flight until it is through, and ends when the
//! target's time is over.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The body of any answer.
pub(super) type ResponseBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the target's answer broke off")]
    Target(#[source] hyper::Error),
    #[error("the target was deregistered, and its time is over")]
    Gone,
}

/// A target's body.
pub(super) struct Held {
    body: Incoming,
    _in_flight: Arc<()>,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Held {
    pub(super) fn new(body: Incoming, in_flight: Arc<()>, gone: CancellationToken) -> Self {
        Self { body, _in_flight: in_flight, gone: Box::pin(gone.cancelled_owned()) }
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.gone.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(BodyError::Gone)));
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(BodyError::Target)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
