//! `cox dev`: the whole picture on one machine: a local ECS, the controller, the example's tasks.
//!
//! ```text
//! manifests ──▶ controller ──▶ local ECS ──▶ tasks, as processes of this machine
//!                   │
//!                   └──▶ status endpoint ◀── cox get, describe, wait, ... by .coxswain/dev/connection.json
//! ```

mod house;
mod live;
mod lock;
mod log;
mod seed;

use std::{io, path::PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{
    house::House,
    live::Live,
    lock::{Lock, Taken},
    seed::Seed,
};
use crate::{
    arguments::DevArguments,
    connection::{Connection, STATE},
    exit::{Exit, Failure},
    output::{BOLD, Terminal, styled},
};

pub(crate) async fn run(arguments: DevArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    if arguments.print_endpoint {
        let Some(found) = Connection::find() else {
            return Err(
                Failure::unreachable("no `cox dev` runs in this folder or above").help("start one: cox dev")
            );
        };
        terminal.answer(&found.endpoint)?;
        return Ok(Exit::Done);
    }
    // Before anything runs, so that no signal is missed.
    let mut stops = Stops::new().map_err(|error| cannot("hear signals", &error))?;
    let manifests = manifests(&arguments)?;
    let state = state()?;
    let _lock = Lock::take(&state).map_err(|taken| match taken {
        Taken::By(pid) => Failure::refused(format!("`cox dev` runs already in this folder{pid}"))
            .help("end that one first, by Ctrl-C in its terminal, or start this one in another folder"),
        Taken::Unknown(error) => cannot("lock its state", &error),
    })?;
    log::begin(&state, &arguments.log)?;
    let seed = Seed::find(arguments.seed.as_deref(), &manifests, &state)?;
    let house = House::open(&manifests, &state, seed).await?;
    house.connection().write(&state).map_err(|error| cannot("write its connection file", &error))?;
    terminal.answer(&banner(&house, terminal))?;

    let mut live = Live::new(house.board());
    let ended = tokio::select! {
        ended = live.follow(terminal) => ended,
        () = stops.next() => Ok(()),
    };
    terminal.say("\nending: stopping the tasks; once more to kill them");
    let left = tokio::select! {
        left = house.close() => left,
        // Every task's shim sees this program's end and kills what is left.
        () = stops.next() => Some("the tasks were killed".to_owned()),
    };
    Connection::remove(&state);
    if let Some(left) = left {
        terminal.say(&left);
    }
    ended.map(|()| Exit::Done)
}

/// The manifests as an absolute path, so that verbs in other folders find them.
fn manifests(arguments: &DevArguments) -> Result<PathBuf, Failure> {
    let path = &arguments.path;
    let found = path.canonicalize().map_err(|error| {
        Failure::usage(format!("there are no manifests at {}: {error}", path.display()))
            .help("name a folder of manifests: cox dev PATH")
    })?;
    if !found.is_dir() {
        return Err(Failure::usage(format!("{} is a file; manifests are a folder", path.display())));
    }
    Ok(found)
}

/// The folder of everything that is kept, readable by its owner only.
fn state() -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt as _;

    let path = PathBuf::from(STATE);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .and_then(|()| path.canonicalize())
        .map_err(|error| cannot(&format!("make the folder {STATE}"), &error))
}

fn cannot(what: &str, error: &io::Error) -> Failure {
    Failure::unreachable(format!("`cox dev` cannot {what}: {error}"))
}

fn banner(house: &House, terminal: &Terminal) -> String {
    let connection = house.connection();
    let line = |name: &str, value: &str| format!("  {}{value}\n", styled(BOLD, &format!("{name:<12}")));
    let first = house.first_service().unwrap_or_else(|| "NAME".to_owned());
    let dash = if terminal.is_utf8 { "—" } else { "-" };
    let mut text =
        format!("{} {dash} Ctrl-C ends it and its tasks\n\n", styled(BOLD, "Coxswain on this machine"));
    text.push_str(&line("manifests", &connection.manifests.display().to_string()));
    text.push_str(&line("status", &format!("{}/v1/services", connection.controller)));
    text.push_str(&line("local ECS", &format!("aws --endpoint-url {} ...", connection.endpoint)));
    text.push_str(&line("state", STATE));
    text.push_str("\nIn another terminal, from this folder:\n");
    for command in ["cox get", &format!("cox describe service/{first}"), &format!("cox wait service/{first}")]
    {
        text.push_str("  ");
        text.push_str(command);
        text.push('\n');
    }
    text
}

/// SIGINT and SIGTERM.
struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
