//! The controller as a program.

use std::{error::Error, io::Write as _, process::ExitCode};

use clap::Parser as _;
use coxswain_controller::{config::Config, program::Program, telemetry};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let config = Config::parse();
    match run(&config) {
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
    telemetry::init(config.log_format, &config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    // Heard from the first moment on: a signal during the start ends the program in good order too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let program = Program::start(config).await?;
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
