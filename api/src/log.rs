//! Log lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing::Level;

use crate::config::LogFormat;

/// Sets up logging for the whole process; later calls have no effect.
pub(crate) fn start(format: LogFormat) {
    let lines = tracing_subscriber::fmt().with_max_level(Level::INFO).with_target(false).with_writer(stderr);
    let set = match format {
        LogFormat::Text => {
            tracing::subscriber::set_global_default(lines.with_ansi(stderr().is_terminal()).finish())
        }
        LogFormat::Json => tracing::subscriber::set_global_default(lines.json().flatten_event(true).finish()),
    };
    // The only error is that logging is set up already, and then there is nothing to do.
    drop(set);
}
