//! The controller as a program.

use std::{error::Error, io::Write as _, process::ExitCode};

use coxswain_controller::{
    config::{self, Config, ConfigError},
    healthcheck,
    program::Program,
    telemetry::{self, Stamp},
};
use tokio::signal::unix::{SignalKind, signal};

/// Looks at many objects at once leave holes in a heap, which this one gives back to the system; see
/// docs/decisions/0009-memory.md.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The settings are wrong: trying again does not help.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == "healthcheck") {
        return match healthcheck::run(std::env::args_os()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                drop(writeln!(std::io::stderr(), "error: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    let given = match config::read(std::env::args_os()) {
        Ok(given) => given,
        Err(ConfigError::Arguments(told)) => told.exit(),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if given.config.print_config {
        return match write!(std::io::stdout(), "{}", config::shown(&given)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    match run(&given.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even that cannot be written, the exit code alone has to say it.
            drop(writeln!(std::io::stderr(), "error: {}", chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

/// An error and what caused it, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let stamp = Stamp::new(config.replica());
    telemetry::init(config.log_format, &config.log, stamp.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(config, stamp))
}

async fn serve(config: &Config, stamp: Stamp) -> Result<(), Box<dyn Error>> {
    // Heard from the first moment on: a signal during the start ends the program in good order too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let program = Box::pin(Program::start(config, stamp)).await?;
    writeln!(std::io::stdout(), "http://{}", program.address())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending: finishing what is running");
    program.stop().await?;
    tracing::info!("ended");
    Ok(())
}
