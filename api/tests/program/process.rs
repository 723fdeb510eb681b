//! A started program: its log, its address, its end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long any one thing may take before a test gives up. It bounds a failure; no test measures it.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The program, without any setting of the surroundings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coxswain-api"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The log so far.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

/// A program that is serving; killed when dropped.
pub(crate) struct Server {
    pid: Pid,
    address: SocketAddr,
    log: Arc<Log>,
    exit: Mutex<Receiver<ExitStatus>>,
}

impl Server {
    /// Starts with the identity mode `none` on a directory of events.
    pub(crate) fn start(store: &Path) -> Self {
        Self::start_with(store, &[("API_IDENTITY", "none")])
    }

    pub(crate) fn start_with(store: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.env("API_LISTEN", "127.0.0.1:0").env("API_STORE", store);
        command.envs(settings.iter().copied());
        let child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        let log = Arc::new(Log::default());
        let (sender, exit) = channel();
        let written = Arc::clone(&log);
        thread::spawn(move || {
            let status = follow(child, &written);
            let _ = sender.send(status);
        });
        let line = log.line_with("listening on ");
        let address = line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap();
        Self { pid, address: address.parse().unwrap(), log, exit: Mutex::new(exit) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the log has a line with this text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.log.line_with(text);
    }

    pub(crate) fn log(&self) -> String {
        self.log.text.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits for the end, and gives the exit code; none after a kill.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        let status = self.exit.lock().unwrap().recv_timeout(DEADLINE);
        status.unwrap_or_else(|_| panic!("still running; its log:\n{}", self.log())).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let exit = self.exit.lock().unwrap();
        // Only while it runs: afterwards the id may be another process's.
        if exit.try_recv() == Err(TryRecvError::Empty) {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = exit.recv_timeout(DEADLINE);
        }
    }
}

impl Log {
    fn line_with(&self, text: &str) -> String {
        let log = self.text.lock().unwrap();
        let lacks = |log: &mut String| !log.contains(text);
        let (log, outcome) = self.grown.wait_timeout_while(log, DEADLINE, lacks).unwrap();
        assert!(!outcome.timed_out(), "no line with {text:?} in the log:\n{log}");
        log.lines().find(|line| line.contains(text)).unwrap().to_owned()
    }
}

/// Copies the log until it ends, then waits for the program.
fn follow(mut child: Child, log: &Log) -> ExitStatus {
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let mut text = log.text.lock().unwrap();
        text.push_str(&line.unwrap());
        text.push('\n');
        log.grown.notify_all();
    }
    child.wait().unwrap()
}

/// Runs the program to its end; gives the exit code and what it said on standard error.
pub(crate) fn run(settings: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = program().envs(settings.iter().copied()).args(arguments).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}
