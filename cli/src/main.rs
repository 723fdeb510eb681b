//! `cox`: the command line of Coxswain.
//!
//! One file per verb under `cmd/`; what they print goes through `output/`, so that stdout is the answer
//! and stderr is talk. `exit` has the codes, `client` asks the controller, `connection` finds it.

mod arguments;
mod client;
mod cmd;
mod config;
mod connection;
mod exit;
mod git;
mod manifests;
mod output;
mod stream;

use std::{io::Write as _, process::ExitCode};

use self::{
    arguments::{Arguments, Verb},
    exit::{Exit, Failure},
    output::Terminal,
};

fn main() -> ExitCode {
    // First: a task's shim must not start threads, and its arguments are its container's.
    #[cfg(feature = "dev")]
    if let Some(code) = coxswain_local_aws::shim_main_if_asked() {
        return code;
    }
    let arguments = Arguments::parse();
    let mut terminal = Terminal::new(arguments.colour, &config::surroundings());
    let ended = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable(format!("the runtime cannot be started: {error}")))
        .and_then(|runtime| runtime.block_on(run(arguments, &mut terminal)));
    let exit = ended.unwrap_or_else(|failure| {
        terminal.fail(&failure);
        failure.exit
    });
    // A reader that went away, such as `head`, is no failure of ours.
    drop(std::io::stdout().flush());
    exit.into()
}

async fn run(arguments: Arguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let globals = arguments.globals;
    let verb = async {
        match arguments.verb {
            #[cfg(feature = "dev")]
            Verb::Dev(verb) => Box::pin(cmd::dev::run(verb, terminal)).await,
            Verb::Init(verb) => cmd::init::run(&verb, terminal),
            Verb::Validate(verb) => cmd::validate::run(&verb, terminal),
            Verb::Diff(verb) => Box::pin(cmd::diff::run(&verb, &globals, terminal)).await,
            Verb::Plan(verb) => Box::pin(cmd::plan::run(&verb, &globals, terminal)).await,
            Verb::Publish(verb) => Box::pin(cmd::publish::run(&verb, terminal)).await,
            Verb::Apply(verb) => Box::pin(cmd::apply::run(&verb, &globals, terminal)).await,
            Verb::Get(verb) => cmd::get::run(&verb, &globals, terminal).await,
            Verb::Describe(verb) => cmd::describe::run(&verb, &globals, terminal).await,
            Verb::Wait(verb) => cmd::wait::run(&verb, &globals, terminal).await,
            Verb::History(verb) => cmd::history::run(&verb, &globals, terminal).await,
            Verb::Events(verb) => cmd::events::run(&verb, &globals, terminal).await,
            Verb::Retry(verb) => cmd::retry::run(&verb, &globals, terminal).await,
            Verb::Version(verb) => cmd::version::run(&verb, &globals, terminal).await,
            Verb::Explain(verb) => cmd::explain::run(&verb, terminal),
            Verb::Schema(verb) => cmd::schema::run(&verb, terminal),
            Verb::Completion(verb) => cmd::completion::run(&verb, terminal),
        }
    };
    tokio::select! {
        // `dev` and `wait` have their own way to end; they answer before this does.
        biased;
        ended = verb => ended,
        _ = tokio::signal::ctrl_c(), if !arguments.handles_interrupts => Ok(Exit::Interrupted),
    }
}
