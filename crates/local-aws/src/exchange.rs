//! One HTTP request on a connection of its own.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The connection broke, or what came over it is no HTTP.
    #[error("the connection failed")]
    Connection(#[from] hyper::Error),
    /// The answer is longer than it may be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// Sends a request over a fresh connection, and reads the answer of at most `most` bytes.
///
/// Nothing is sent a second time. The request's URI has to be a path, and it has to have a `host` header.
///
/// # Cancel safety
/// Dropped, the connection is closed; whether the other side acts on the request is then unknown.
///
/// # Errors
/// [`ExchangeError`]; an HTTP status is none.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            match error.downcast::<hyper::Error>() {
                Ok(error) => ExchangeError::Connection(*error),
                Err(other) => {
                    debug_assert!(other.is::<LengthLimitError>());
                    ExchangeError::TooLong(most)
                }
            }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    driving(connection, answer).await
}

/// Moves a connection on while something is done over it.
async fn driving<T>(connection: impl Future<Output = hyper::Result<()>>, done: impl Future<Output = T>) -> T {
    // Its end is told to who reads from it, and what has arrived can still be read.
    let driven = async {
        let _ = connection.await;
        std::future::pending::<std::convert::Infallible>().await
    };
    tokio::select! {
        done = done => done,
        never = driven => match never {},
    }
}

/// Sends a request over a fresh connection, and hands over the answer's body piece by piece, to its end.
///
/// As [`exchange`], without a limit: nothing is kept.
///
/// # Errors
/// [`ExchangeError::Connection`].
pub(crate) async fn stream(
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    mut each: impl FnMut(&[u8]) + Send,
) -> Result<(), ExchangeError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
    let read = async {
        let mut body = sender.send_request(request).await?.into_body();
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame?.data_ref() {
                each(data);
            }
        }
        Ok(())
    };
    driving(connection, read).await
}
