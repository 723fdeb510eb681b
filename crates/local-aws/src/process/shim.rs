//! The small process between this program and a container's own: no orphan survives.
//!
//! ```text
//! coxswain-local ──socket── shim (own process group, reaps all that the container leaves)
//!                             └── the container's program (own process group)
//!                                   └── whatever it starts
//! ```
//!
//! The shim is this same binary, started again with a hidden first argument. It is the init of its
//! container, as a PID namespace has one: everything that the program started is killed when the
//! program ends, and when the shim is told to. The socket is the life line: however this program
//! dies, `kill -9` included, the kernel closes its end and the shim kills everything at the end of
//! file. A parent-death signal alone would not do: it reaches one process and none of its children,
//! and fires when the *thread* that started it ends. It is used one step further down, where both
//! traps are absent: the program dies with its shim, whose only spawning thread lives as long as it.
//!
//! A program that leaves its process group or its session is found all the same, since the shim is
//! the *subreaper* of all its descendants (Source: prctl(2), `PR_SET_CHILD_SUBREAPER`).

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream, unix::process::CommandExt},
    process::{Command, ExitCode, Stdio},
};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, pidfd_open,
    pidfd_send_signal, set_child_subreaper, set_parent_process_death_signal, wait,
};

/// The first argument that makes a shim of this program; the container's limits and command follow.
pub(super) const SUPERVISE: &str = "__shim";

/// The first argument of the step between shim and program: the shim's pid, the limits and the command
/// follow.
const EXEC: &str = "__exec";

/// From the driver: SIGTERM to the program. Anything else, and the end of file, kills all.
pub(super) const TERMINATE: u8 = b'T';

/// From the driver: SIGKILL to everything.
pub(super) const KILL: u8 = b'K';

/// To the driver: the program runs, and its pid.
pub(super) const STARTED: &str = "started ";

/// To the driver: the program could not be executed, and why.
pub(super) const FAILED: &str = "failed ";

/// To the driver: the program ended, and its exit code.
pub(super) const EXITED: &str = "exited ";

/// The program itself, also where its file was replaced since it started.
pub(super) const THIS_PROGRAM: &str = "/proc/self/exe";

/// Runs a container's shim, if that is what this process was started for.
///
/// A binary that makes a [`ProcessDriver`](super::ProcessDriver) calls this first in its `main`,
/// before threads, and ends with the code where there is one:
///
/// ```no_run
/// # fn run() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
/// fn main() -> std::process::ExitCode {
///     coxswain_local_aws::shim_main_if_asked().unwrap_or_else(run)
/// }
/// ```
pub fn shim_main_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    if first == SUPERVISE {
        Some(code(&supervise(arguments.collect())))
    } else if first == EXEC {
        Some(code(&exec(arguments.collect())))
    } else {
        None
    }
}

/// The container's exit code is reported through the socket; the shim's own says only whether it
/// could do its work.
fn code(result: &io::Result<()>) -> ExitCode {
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn supervise(command: Vec<OsString>) -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (mut verdict, verdict_writer) = io::pipe()?;
    let program = Command::new(THIS_PROGRAM)
        .arg(EXEC)
        .arg(getpid().to_string())
        .args(command)
        .stdin(verdict_writer)
        .process_group(0)
        .spawn()?;
    let Some(pid) = i32::try_from(program.id()).ok().and_then(Pid::from_raw) else {
        return Err(io::Error::other("the kernel gave a process id that is none"));
    };
    // A descriptor of the process, so that a late SIGTERM never reaches another one of the same id.
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let mut orders = control.try_clone()?;
    std::thread::spawn(move || {
        let mut order = [0];
        while matches!(orders.read(&mut order), Ok(1)) && order == [TERMINATE] {
            let _ = pidfd_send_signal(&process, Signal::TERM);
        }
        kill_descendants();
    });

    // The writing end closes when the program is executed; text in it says why it was not.
    let mut failure = String::new();
    verdict.read_to_string(&mut failure)?;
    if failure.is_empty() {
        control.write_all(format!("{STARTED}{}\n", program.id()).as_bytes())?;
    }
    let status = end_of(pid)?;
    end_of_all();
    let report = if failure.is_empty() {
        let signalled = status.terminating_signal().map(|signal| 128 + signal);
        format!("{EXITED}{}\n", status.exit_status().or(signalled).unwrap_or(255))
    } else {
        format!("{FAILED}{failure}\n")
    };
    control.write_all(report.as_bytes())
}

/// Waits for the program, and reaps the orphans that it leaves meanwhile.
fn end_of(program: Pid) -> io::Result<WaitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == program => return Ok(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Becomes the program, once it is sure to die with its shim.
fn exec(arguments: Vec<OsString>) -> io::Result<()> {
    let mut verdict = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut arguments = arguments.into_iter();
    let shim = arguments.next().and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let limits = arguments.next().and_then(|limits| limits.into_string().ok()).unwrap_or_default();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The shim may have died before the signal was set; then somebody else is the parent by now.
    if shim.is_none() || getppid() != shim {
        return Err(io::Error::other("the shim is gone"));
    }
    let Some(program) = arguments.next() else {
        return verdict.write_all(b"the command is empty");
    };
    if let Err(refused) = super::limits::set(&limits) {
        return verdict.write_all(refused.as_bytes());
    }
    let error = Command::new(program).args(arguments).stdin(Stdio::null()).exec();
    verdict.write_all(error.to_string().as_bytes())
}

/// Kills and reaps until there is no descendant left.
///
/// Each death is followed by another look, since it may have handed us an orphan of its own.
fn end_of_all() {
    loop {
        kill_descendants();
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn kill_descendants() {
    for pid in super::descendants::of(getpid()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
