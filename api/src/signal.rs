//! The signals that end the program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

use crate::server::Stop;

/// SIGTERM and SIGINT, caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    caught: Mutex<Caught>,
}

#[derive(Debug)]
struct Caught {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn catch() -> io::Result<Self> {
        let caught = Caught {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        Ok(Self { caught: Mutex::new(caught) })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&self) -> Stop {
        let mut caught = self.caught.lock().await;
        let Caught { terminate, interrupt } = &mut *caught;
        tokio::select! {
            _ = terminate.recv() => Stop::Gracefully,
            _ = interrupt.recv() => Stop::Now,
        }
    }
}
