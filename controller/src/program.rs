//! The whole program as one value: stores, clients, controller and status endpoint, wired up.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use coxswain_runtime::{Clock, SystemClock, Unfinished};
use coxswain_store::{DirectoryStore, MemoryStore, Store, StoreError};
use tokio::net::TcpListener;

use crate::{
    app::{Controller, Dependencies, Running},
    aws::{Aws, Limited, SdkAws},
    config::{Config, StorePlace},
    http::{Api, Guard, GuardError, Streams, Token, router, serve},
    metrics::{Counted, Metrics},
    source::{Clients, Ledger, OpenError, OpenPlace, Polling},
    status::StatusBoard,
};

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] StoreError),
    /// It is not said where the manifests are.
    #[error("it is not said where the manifests are: give a place by --source")]
    NoSource,
    /// The manifests' place cannot be opened.
    #[error("the source of the manifests cannot be opened")]
    Source(#[from] OpenError),
    /// The token cannot be read.
    #[error("cannot read the token file {path}")]
    Token {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The endpoint must not be opened as asked.
    #[error("the status endpoint is not opened")]
    Guard(#[from] GuardError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}

/// The program, running.
#[derive(Debug)]
pub struct Program {
    running: Running,
    address: SocketAddr,
}

impl Program {
    /// Starts everything.
    ///
    /// # Errors
    /// [`StartError`] before anything was read from or sent to AWS.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store: Arc<dyn Store> = match &config.store {
            StorePlace::Directory(root) => Arc::new(DirectoryStore::open(root).await?),
            StorePlace::Memory => Arc::new(MemoryStore::new()),
        };
        let token = match &config.token_file {
            Some(path) => Some(read_token(path.clone()).await?),
            None => None,
        };
        let guard = Guard::new(config.listen, token, config.host.clone())?;
        let refused = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;

        let metrics = Arc::new(Metrics::new());
        let own = config.location().load(clock.clone()).await;
        let counted = Counted::new(SdkAws::new(&own), metrics.clone());
        let aws: Arc<dyn Aws> = Arc::new(Limited::new(counted));
        let place = open_source(config, &Clients::new(aws.clone(), &own), metrics.clone(), clock.clone())?;
        let board = Arc::new(StatusBoard::new(store.clone(), metrics.clone(), clock.now()));
        let running = Controller::start(
            config.settings(),
            Dependencies {
                aws: aws.clone(),
                store: store.clone(),
                clock: clock.clone(),
                source: place.source(),
                reporter: board.clone(),
            },
        );
        let engine = Arc::new(running.handle());
        let drain = engine.context().drain.clone();
        let (publisher, streams) = (place.publisher(), Streams::new(drain.clone()));
        let api = Api { board, metrics, store, engine, aws, publisher, streams, clock };
        let router = router(api, guard);
        drop(drain.spawn(serve(listener, router, drain.clone())));
        Ok(Self { running, address })
    }

    /// Where the status endpoint listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends in good order.
    ///
    /// # Errors
    /// [`Unfinished`] where something was still running at the deadline.
    pub async fn stop(self) -> Result<(), Unfinished> {
        self.running.stop().await
    }
}

fn open_source(
    config: &Config,
    clients: &Clients,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
) -> Result<OpenPlace, StartError> {
    let polling = Polling {
        interval: config.poll_interval,
        seed: fastrand::u64(..),
        ledger: Some(Ledger { metrics, clock }),
        ..Polling::default()
    };
    let place = config.source_place().ok_or(StartError::NoSource)?;
    Ok(OpenPlace::new(&place, config.environment.as_deref(), clients, polling)?)
}

async fn read_token(path: PathBuf) -> Result<Token, StartError> {
    let text = tokio::fs::read_to_string(&path).await.map_err(|source| StartError::Token { path, source })?;
    Ok(Token::parse(&text)?)
}
