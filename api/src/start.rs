//! From settings to a running server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use coxswain_identity::{KeyError, PublicKeys, Verifier};
use coxswain_store::{DirectoryStore, StoreError};
use tokio::net::TcpListener;

use crate::app::{App, router};
use crate::caller::CallerCheck;
use crate::clock;
use crate::config::{Callers, Config};
use crate::readiness::Readiness;
use crate::server::{Ended, serve};
use crate::signal::Signals;
use crate::task::Task;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot read API_ASSERTION_KEYS, {}", .path.display())]
    ReadKeys { path: PathBuf, source: io::Error },
    #[error("API_ASSERTION_KEYS, {}, cannot be used", .path.display())]
    Keys { path: PathBuf, source: KeyError },
    #[error("cannot use API_STORE, {}, as a store", .path.display())]
    Store { path: PathBuf, source: StoreError },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
}

impl StartError {
    /// Whether only another setting, or another file, helps.
    pub(crate) fn is_of_the_settings(&self) -> bool {
        matches!(self, Self::ReadKeys { .. } | Self::Keys { .. })
    }
}

/// Serves until a signal ends it.
pub(crate) async fn run(config: Config) -> Result<Ended, StartError> {
    // First of all, so that a SIGTERM during the start is not the default one, which kills.
    let signals = Signals::catch().map_err(StartError::Signals)?;
    let callers = callers(config.callers).await?;
    let store = DirectoryStore::open(&config.store)
        .await
        .map_err(|source| StartError::Store { path: config.store, source })?;
    let task = match &config.task_metadata {
        Some(endpoint) => Some(Task::read(endpoint).await),
        None => None,
    };
    let readiness = Readiness::default();
    let app = App {
        store: Arc::new(store),
        callers,
        version: config.version.clone(),
        task: task.clone(),
        max_body: config.max_body,
        readiness: readiness.clone(),
        clock: clock::system,
    };
    let listen = |source| StartError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let told = task.as_ref();
    tracing::info!(
        task = told.map(Task::id),
        definition = told.map(Task::definition),
        zone = told.map(Task::zone),
        "listening on {address} version {}",
        config.version.as_str()
    );
    Ok(serve(listener, router(Arc::new(app)), &readiness, config.grace, || signals.next()).await)
}

async fn callers(callers: Callers) -> Result<CallerCheck, StartError> {
    let (path, audience) = match callers {
        Callers::PlainHeaders => return Ok(CallerCheck::PlainHeaders),
        Callers::Anyone => return Ok(CallerCheck::Anyone),
        Callers::Assertion { keys, audience } => (keys, audience),
    };
    let read = tokio::fs::read(&path).await;
    let bytes = read.map_err(|source| StartError::ReadKeys { path: path.clone(), source })?;
    let keys = PublicKeys::from_json(&bytes).map_err(|source| StartError::Keys { path, source })?;
    Ok(CallerCheck::Assertion(Verifier::new(keys, audience)))
}
