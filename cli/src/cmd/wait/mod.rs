//! `cox wait`: follows a service until it stands, or says why it does not.

mod revision;
mod verdict;

use std::{path::PathBuf, time::Duration};

use coxswain_controller::status::{ServiceStatus, SourceStatus};
use coxswain_manifest::load;
use tokio::time::{Instant, sleep};

pub(crate) use self::revision::Revision;
use self::verdict::{Expected, Stop, Verdict, judge};
use crate::{
    arguments::{Globals, ServiceName, WaitArguments},
    client::{Client, Refusal},
    exit::{Exit, Failure},
    output::{
        Terminal, cause, end_redraw, short,
        table::{fitted, terminal_width},
        time,
    },
};

/// From one look at the status to the next.
const POLL: Duration = Duration::from_millis(500);

/// How long a controller that has answered before may be silent: as long as a restart takes.
const SILENT_FOR: Duration = Duration::from_secs(30);

/// Without news a line is written all the same, so that nobody takes the wait for dead.
const HEARTBEAT: Duration = Duration::from_mins(1);

pub(crate) async fn run(
    arguments: &WaitArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let target = Target {
        service: arguments.service.clone(),
        timeout: arguments.timeout,
        wanted: match arguments.revision {
            Some(revision) => Wanted::Revision(revision),
            None => Wanted::OnDisk(arguments.manifests.clone()),
        },
    };
    follow(&target, Client::find(globals)?, terminal).await
}

/// What is waited for.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) service: ServiceName,
    pub(crate) timeout: Duration,
    pub(crate) wanted: Wanted,
}

/// What the controller must have taken before anything is judged.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// The manifests that it reads as they are now, where they are on this machine: in that folder, or in
    /// the one that it names itself.
    OnDisk(Option<PathBuf>),
    /// That revision, or a later one.
    Revision(Revision),
}

/// Follows a service until it stands, fails, or the time is over.
pub(crate) async fn follow(
    target: &Target,
    client: Client,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let mut follow = Follow::begin(target, client, terminal);
    let ended = tokio::select! {
        ended = follow.run() => ended,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    follow.progress.end();
    match ended {
        Err(failure) if failure.exit == Exit::Interrupted => {
            let service = &target.service;
            follow.terminal.say(&format!("the rollout continues; cox wait {service} to follow it again"));
            Ok(Exit::Interrupted)
        }
        ended => ended,
    }
}

struct Follow<'a> {
    target: &'a Target,
    client: Client,
    terminal: &'a mut Terminal,
    progress: Progress,
    began: Instant,
    /// When the controller answered last.
    answered: Option<Instant>,
}

impl<'a> Follow<'a> {
    fn begin(target: &'a Target, client: Client, terminal: &'a mut Terminal) -> Self {
        let progress = Progress::new(terminal.talk_is_interactive);
        Self { target, client, terminal, progress, began: Instant::now(), answered: None }
    }

    async fn run(&mut self) -> Result<Exit, Failure> {
        loop {
            let said = match self.look().await {
                Ok(Verdict::Done(status)) => return self.done(&status),
                Ok(Verdict::Stopped(stop)) => return Err(self.stopped(*stop).await),
                Ok(Verdict::Waiting(said)) => {
                    self.answered = Some(Instant::now());
                    said
                }
                Err(failure) => self.silence(failure)?,
            };
            let waited = self.began.elapsed();
            if waited >= self.target.timeout {
                return Err(self.timed_out(&said));
            }
            self.progress.tell(&said, waited, self.target, self.terminal);
            sleep(POLL.min(self.target.timeout.saturating_sub(waited))).await;
        }
    }

    /// One look: first at the manifests, then at the object, so that the object is not older than they are.
    async fn look(&self) -> Result<Verdict, Failure> {
        let source = self.client.get::<SourceStatus>("/v1/source").await.map_err(Failure::from)?;
        let expected = self.expected(&source);
        let name = &self.target.service.0;
        match self.client.get::<ServiceStatus>(&format!("/v1/services/{name}")).await {
            Ok(status) => Ok(judge(&source, &expected, Some(status))),
            Err(Refusal::NotFound(detail)) => match judge(&source, &expected, None) {
                // All that is expected was taken, and no such object is in it.
                Verdict::Waiting(_) if expected.stands(&source) => Err(Failure::usage(detail)),
                verdict => Ok(verdict),
            },
            Err(Refusal::Other(failure)) => Err(failure),
        }
    }

    /// What has to stand first, as far as that is known.
    fn expected(&self, source: &SourceStatus) -> Expected {
        let digest = match &self.target.wanted {
            Wanted::Revision(revision) => return Expected::Revision(*revision),
            Wanted::OnDisk(named) => {
                named.clone().or_else(|| self.manifests(source)).and_then(|folder| digest(&folder))
            }
        };
        digest.map_or(Expected::Anything, Expected::Digest)
    }

    /// The controller's manifests, where they are on this machine.
    fn manifests(&self, source: &SourceStatus) -> Option<PathBuf> {
        if let Some(connection) = &self.client.connection {
            return Some(connection.manifests.clone());
        }
        let from = PathBuf::from(&source.from);
        (self.client.is_local() && from.is_absolute() && from.is_dir()).then_some(from)
    }

    /// A controller that was there a moment ago may come back.
    fn silence(&self, failure: Failure) -> Result<String, Failure> {
        match self.answered {
            Some(last) if failure.exit == Exit::Unreachable && last.elapsed() < SILENT_FOR => {
                Ok("the controller does not answer; still trying".to_owned())
            }
            _ => Err(failure),
        }
    }

    fn done(&mut self, status: &ServiceStatus) -> Result<Exit, Failure> {
        self.progress.end();
        let running =
            status.counts.map(|counts| format!(", {} of {} tasks running", counts.running, counts.desired));
        let text = format!(
            "{} is {} and {}: {}{}",
            self.target.service,
            status.sync,
            status.health,
            status.task_definition.as_deref().map_or("no revision", short),
            running.unwrap_or_default()
        );
        self.terminal.answer(&text)?;
        Ok(Exit::Done)
    }

    /// The failure, with all that can be known of its cause.
    async fn stopped(&mut self, stop: Stop) -> Failure {
        self.progress.end();
        let held = stop.status.as_ref().and_then(|status| status.hold.as_ref());
        // A hold's own message: the condition's has the cause in it, which follows line by line.
        let message =
            held.filter(|hold| hold.reason == stop.reason).map_or(&stop.message, |hold| &hold.message);
        let mut lines = vec![format!("{}: {}: {message}", self.target.service, stop.reason)];
        if let Some(status) = &stop.status
            && let Some(hold) = &status.hold
        {
            lines.extend(self.terminal.hold(status, hold).into_iter().skip(1));
            if hold.cause.is_some() {
                lines.extend(cause::last_lines(&self.client, &self.target.service.0).await);
            }
        }
        let message = lines.join("\n  ");
        let failure = match stop.exit {
            Exit::RolloutFailed => Failure::rollout(message),
            Exit::Invalid => Failure::invalid(message),
            Exit::Refused => Failure::refused(message),
            Exit::Unreachable => Failure::unreachable(message),
            _ => Failure::blocked(message),
        };
        failure.help(stop.advice)
    }

    fn timed_out(&self, said: &str) -> Failure {
        let service = &self.target.service;
        let waited = time::written(self.target.timeout);
        Failure::timed_out(format!("{service} is still going on after {waited}: {said}"))
            .help(format!("cox wait {service} to follow it again; cox describe {service} for all of it"))
    }
}

/// The digest of the manifests as they are on disk; nothing where they cannot be read just now.
fn digest(folder: &std::path::Path) -> Option<String> {
    let files = coxswain_controller::source::read_directory(folder).ok()?;
    Some(load(files).bundle_digest().to_string())
}

/// What was said last, so that a line is written for a change only.
#[derive(Debug)]
struct Progress {
    is_interactive: bool,
    said: String,
    said_at: Option<Instant>,
    is_drawn: bool,
}

impl Progress {
    fn new(is_interactive: bool) -> Self {
        Self { is_interactive, said: String::new(), said_at: None, is_drawn: false }
    }

    fn tell(&mut self, said: &str, waited: Duration, target: &Target, terminal: &mut Terminal) {
        let line = format!("{}: {said} ({})", target.service, time::written(waited));
        if self.is_interactive {
            terminal.redraw(&fitted(&line, terminal_width()));
            self.is_drawn = true;
            return;
        }
        let is_due = self.said_at.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        if self.said != said || is_due {
            terminal.say(&format!("{} {line}", time::seconds(crate::output::now())));
            said.clone_into(&mut self.said);
            self.said_at = Some(Instant::now());
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            end_redraw();
        }
    }
}
