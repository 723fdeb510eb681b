//! Logs of `cox dev` go to a file: the terminal belongs to the status.

use std::{fs::File, path::Path, sync::Mutex};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::exit::Failure;

/// Begins logging to `cox.log` in the state folder, anew with each start.
pub(super) fn begin(state: &Path, filter: &str) -> Result<(), Failure> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| Failure::usage(format!("{filter:?} is no log filter, such as info: {error}")))?;
    let path = state.join("cox.log");
    let file = File::create(&path)
        .map_err(|error| Failure::unreachable(format!("cannot write {}: {error}", path.display())))?;
    let layer = fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
    tracing_subscriber::registry()
        .with(parsed)
        .with(layer)
        .try_init()
        .map_err(|error| Failure::unreachable(format!("logging cannot be set up: {error}")))
}
