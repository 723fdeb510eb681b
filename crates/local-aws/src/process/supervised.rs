//! A process under a shim, seen from the driver.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::Path,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, ChildStderr, ChildStdout, Command},
};

use super::{invocation::Invocation, shim};

/// A process under a shim. Dropped, it is killed with all that it started.
#[derive(Debug)]
pub(super) struct Supervised {
    shim: Child,
    reports: Lines<BufReader<OwnedReadHalf>>,
    orders: OwnedWriteHalf,
    program: Option<Pid>,
}

/// What to do with standard output and error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Piped to the driver.
    Kept,
    /// Thrown away.
    Dropped,
}

/// How the start went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// The program runs.
    Started,
    /// It could not be executed, and why.
    Failed(String),
}

impl Supervised {
    /// Starts the shim; `program` is the binary that has it.
    pub(super) fn spawn(program: &Path, invocation: &Invocation, output: Output) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reports, orders) = UnixStream::from_std(ours)?.into_split();
        let kept = || {
            if output == Output::Kept { Stdio::piped() } else { Stdio::null() }
        };
        let mut command = Command::new(program);
        command
            .arg0(format!("coxswain-shim {}", invocation.label))
            .arg(shim::SUPERVISE)
            .arg(&invocation.limits)
            .arg(&invocation.program)
            .args(&invocation.arguments)
            .env_clear()
            .envs(&invocation.environment)
            .current_dir(&invocation.directory)
            .stdin(OwnedFd::from(theirs))
            .stdout(kept())
            .stderr(kept())
            // Out of reach of a terminal's Ctrl-C: this program stops its tasks in order.
            .process_group(0);
        let shim = command.spawn()?;
        Ok(Self { shim, reports: BufReader::new(reports).lines(), orders, program: None })
    }

    /// The shim's own id, while it is not known to have ended.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.shim.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// The pipes of the program's output, once.
    pub(super) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.shim.stdout.take(), self.shim.stderr.take())
    }

    /// Waits until the program is executed or cannot be.
    pub(super) async fn start(&mut self) -> Start {
        let report = self.report().await;
        if let Some(pid) = report.as_deref().and_then(|report| report.strip_prefix(shim::STARTED)) {
            self.program = pid.parse().ok().and_then(Pid::from_raw);
            return Start::Started;
        }
        let _ = self.shim.wait().await;
        let failure = report.as_deref().and_then(|report| report.strip_prefix(shim::FAILED));
        Start::Failed(failure.unwrap_or("its supervising process was killed").to_owned())
    }

    /// Waits until the program has ended and nothing of it is left; returns its exit code.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub(super) async fn exited(&mut self) -> i32 {
        let report = self.report().await;
        let code = report.as_deref().and_then(|report| report.strip_prefix(shim::EXITED)?.parse().ok());
        if code.is_none()
            && let Some(program) = self.program
        {
            // The shim was killed by somebody else. The program died with it; its group may not have.
            let _ = kill_process_group(program, Signal::KILL);
        }
        let _ = self.shim.wait().await;
        code.unwrap_or(128 + 9)
    }

    /// Sends SIGTERM to the program, and as under Docker to nothing else of its container.
    pub(super) fn terminate(&self) {
        let _ = self.orders.try_write(&[shim::TERMINATE]);
    }

    /// Sends SIGKILL to everything.
    pub(super) fn kill(&self) {
        let _ = self.orders.try_write(&[shim::KILL]);
    }

    async fn report(&mut self) -> Option<String> {
        self.reports.next_line().await.ok().flatten()
    }
}
