//! The webhook API that runs behind the gateway.
//!
//! Start with `webhook.rs`, the one thing that this program does; `server.rs` is how it begins and ends.

mod app;
mod caller;
mod clock;
mod config;
mod envelope;
mod event;
mod healthcheck;
mod log;
mod problem;
mod readiness;
mod server;
mod signal;
mod start;
mod target;
mod task;
mod webhook;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::config::{Cli, Command};
use crate::server::Ended;

/// The settings are wrong: trying again does not help.
const EXIT_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Healthcheck { url }) = cli.command {
        return match healthcheck::check(url, cli.settings.listen).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        };
    }
    log::start(cli.settings.log);
    let config = match cli.settings.check() {
        Ok(config) => config,
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    match start::run(config).await {
        Ok(Ended::Drained) => ExitCode::SUCCESS,
        Ok(Ended::Cut { connections }) => {
            tracing::warn!(connections, "ended with requests that were not answered in time");
            ExitCode::FAILURE
        }
        Err(error) => fail(&error, if error.is_of_the_settings() { EXIT_USAGE } else { 1 }),
    }
}

/// Says what went wrong, down to the first cause.
fn fail(error: &dyn Error, code: u8) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    eprintln!("coxswain-api: {text}");
    ExitCode::from(code)
}
