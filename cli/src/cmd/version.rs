//! `cox version`: this program, and the controller it would ask.

use coxswain_controller::status::SourceStatus;

use crate::{
    arguments::{Globals, VersionArguments},
    client::Client,
    exit::{Exit, Failure},
    output::Terminal,
};

pub(crate) async fn run(
    arguments: &VersionArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    terminal.answer(&format!("cox {}", env!("CARGO_PKG_VERSION")))?;
    if arguments.client {
        return Ok(Exit::Done);
    }
    // That no controller is known is no failure of a verb that asks for a version.
    match Client::find(globals) {
        Err(_) => terminal.say("no controller is known"),
        Ok(client) => match client.get::<SourceStatus>("/v1/source").await {
            Ok(source) => terminal.say(&format!(
                "controller at {}, manifests {} at revision {}",
                client.url(),
                source.from,
                source.revision.as_deref().unwrap_or("none")
            )),
            Err(refusal) => terminal.say(&Failure::from(refusal).message),
        },
    }
    Ok(Exit::Done)
}
