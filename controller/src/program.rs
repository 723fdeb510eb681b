//! The whole program as one value: stores, clients, controller and status endpoint, wired up.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use aws_config::SdkConfig;
use coxswain_runtime::{Clock, InvalidTimes, Lease, LeaseTimes, SystemClock, Unfinished};
use coxswain_store::{DirectoryStore, MemoryStore, Path, PathError, S3Store, Store, StoreError, s3};
use tokio::net::TcpListener;

use crate::{
    announce::Announcer,
    app::{Controller, Dependencies, LEASE_PATH, OpenSource, Running},
    authority::Leadership,
    aws::{Aws, CALL_TIMEOUT, Limited, Limits, SdkAws},
    config::{Config, StorePlace},
    fence::FencedStore,
    health::{WatchedAws, WatchedStore},
    http::{Api, Freshness, Guard, GuardError, Streams, Token, Vitals, router, serve},
    metrics::{Counted, Metrics},
    source::{Clients, Ledger, OpenError, OpenPlace, Polling},
    status::StatusBoard,
    telemetry::Stamp,
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
    /// A path in the store is none.
    #[error("the store's prefix cannot be used")]
    Prefix(#[from] PathError),
    /// The lease's times do not make a lease.
    #[error("the lease cannot be kept")]
    Lease(#[from] InvalidTimes),
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
    /// [`StartError`] before anything was read from or sent to ECS.
    pub async fn start(config: &Config, stamp: Stamp) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let own = config.location().load(clock.clone()).await;
        let vitals = Vitals::new(&clock);
        let opened = open_store(config, &own).await?;
        let store: Arc<dyn Store> = Arc::new(WatchedStore::new(opened, vitals.store.clone()));
        let token = match &config.token_file {
            Some(path) => Some(read_token(path.clone()).await?),
            None => None,
        };
        let guard = Guard::new(config.listen, token, config.host.clone())?;
        let refused = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let lease = config.takes_turns().then(|| lease(store.clone(), stamp.replica())).transpose()?;

        let metrics = Arc::new(Metrics::new());
        let acting = match config.assumed_role(stamp.replica()) {
            Some(role) => role.on(&own).await,
            None => own.clone(),
        };
        let sdk = WatchedAws::new(SdkAws::new(&acting), vitals.aws.clone());
        let counted: Arc<dyn Aws> = Arc::new(Counted::new(sdk, metrics.clone()));
        let limits = Limits::documented();
        let leadership = Leadership::default();
        let kept = Arc::new(FencedStore::of_leader(store.clone(), leadership.clone()));
        let board = Arc::new(StatusBoard::new(kept, metrics.clone(), clock.now()));
        let of_source = Counted::new(SdkAws::new(&own), metrics.clone());
        let of_source: Arc<dyn Aws> = Arc::new(Limited::sharing(limits.clone(), of_source));
        let place = open_source(config, &Clients::new(of_source, &own), metrics.clone(), clock.clone())?;
        let publisher = place.publisher();
        let running = Controller::start(
            config.settings(),
            Dependencies {
                aws: counted.clone(),
                limits: limits.clone(),
                store: store.clone(),
                clock: clock.clone(),
                source: OpenSource::new(move || place.source()),
                reporter: board.clone(),
                leadership,
                lease,
            },
        );
        let engine = Arc::new(running.handle());
        let drain = engine.drain().clone();
        let replica: Arc<str> = stamp.replica().into();
        let handle = running.handle();
        let announcer =
            Announcer { handle, board: board.clone(), metrics: metrics.clone(), stamp, clock: clock.clone() };
        drop(drain.spawn(announcer.run(drain.clone())));
        let aws = Arc::new(Limited::sharing(limits, counted));
        let streams = Streams::new(drain.clone());
        let freshness = Freshness::default();
        let api =
            Api { board, metrics, store, engine, aws, publisher, streams, replica, vitals, freshness, clock };
        drop(drain.spawn(serve(listener, router(api, guard), drain.clone())));
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

/// The store is reached with the program's own rights, also where a role is assumed for what it looks after.
async fn open_store(config: &Config, own: &SdkConfig) -> Result<Arc<dyn Store>, StartError> {
    Ok(match &config.store {
        StorePlace::Directory(root) => Arc::new(DirectoryStore::open(root).await?),
        StorePlace::Memory => Arc::new(MemoryStore::new()),
        StorePlace::S3 { bucket, prefix } => {
            // Names of buckets are no names of hosts at an endpoint of one's own.
            let client =
                s3::config::Builder::from(own).force_path_style(config.endpoint_url.is_some()).build();
            let store = S3Store::new(&s3::Client::from_conf(client), bucket.clone(), prefix.clone())?;
            Arc::new(store.with_timeout(CALL_TIMEOUT))
        }
    })
}

fn lease(store: Arc<dyn Store>, replica: &str) -> Result<Lease, StartError> {
    Ok(Lease::new(store, Path::new(LEASE_PATH)?, replica, LeaseTimes::DEFAULT)?)
}

async fn read_token(path: PathBuf) -> Result<Token, StartError> {
    let text = tokio::fs::read_to_string(&path).await.map_err(|source| StartError::Token { path, source })?;
    Ok(Token::parse(&text)?)
}
