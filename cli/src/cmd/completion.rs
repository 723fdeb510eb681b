//! `cox completion`: a script that teaches a shell the verbs and their options.

use clap::CommandFactory as _;

use crate::{
    arguments::{Arguments, CompletionArguments},
    exit::{Exit, Failure},
    output::Terminal,
};

pub(crate) fn run(arguments: &CompletionArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "cox", &mut script);
    terminal.answer(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
