//! `cox get -w`: a list that goes on being shown as it changes.

use std::{collections::BTreeMap, time::Duration};

use coxswain_controller::status::ServiceStatus;
use tokio::time::{Instant, timeout_at};

use super::get::{load, table};
use crate::{
    arguments::{GetArguments, ListOutput, ServiceName},
    client::Client,
    exit::{Exit, Failure},
    output::Terminal,
    stream::Stream,
};

/// A burst of changes is one picture.
const GATHER: Duration = Duration::from_millis(250);

/// The whole screen, and the cursor at its beginning.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

pub(crate) async fn run(
    arguments: &GetArguments,
    one: Option<&ServiceName>,
    client: &Client,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    if arguments.output == ListOutput::Name {
        return Err(Failure::usage("names do not change: -w goes with -o table, wide or json"));
    }
    // The stream first: what changes after the list was read is then told.
    let mut stream = Stream::open(client, "/v1/events/stream?changes=true").await?;
    let mut shown = Shown::default();
    loop {
        match load(one, client).await {
            Ok(services) => shown.show(&services, arguments, terminal)?,
            // The stream breaks with it, and says when the controller is there again.
            Err(failure) if failure.exit == Exit::Unreachable && shown.is_begun => {
                terminal.say(&format!("what is shown is not live: {failure}"));
            }
            Err(failure) => return Err(failure),
        }
        stream.next(terminal).await?;
        let until = Instant::now() + GATHER;
        while let Ok(news) = timeout_at(until, stream.next(terminal)).await {
            news?;
        }
    }
}

/// What was shown last, by name.
#[derive(Debug, Default)]
struct Shown {
    is_begun: bool,
    services: BTreeMap<String, ServiceStatus>,
}

impl Shown {
    fn show(
        &mut self,
        services: &[ServiceStatus],
        arguments: &GetArguments,
        terminal: &mut Terminal,
    ) -> Result<(), Failure> {
        let is_wide = arguments.output == ListOutput::Wide;
        let with_headers = !arguments.no_headers;
        let (changed, gone) = self.take(services);
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if arguments.output == ListOutput::Json {
            for service in changed {
                terminal.document_line(service)?;
            }
        } else if terminal.is_interactive {
            let picture = table(services, is_wide, terminal).render(terminal, with_headers);
            return terminal.draw(&format!("{CLEAR}{picture}"));
        } else if !changed.is_empty() {
            let rows = table(&changed, is_wide, terminal).render(terminal, with_headers && is_first);
            terminal.answer(&rows)?;
        }
        for name in gone {
            terminal.say(&format!("service/{name} is gone"));
        }
        Ok(())
    }

    /// Those that say something else than last time, times of looking aside, and the names that went.
    fn take(&mut self, services: &[ServiceStatus]) -> (Vec<ServiceStatus>, Vec<String>) {
        let lasting =
            |status: &ServiceStatus| ServiceStatus { seen_at: None, next_look_at: None, ..status.clone() };
        let now: BTreeMap<String, ServiceStatus> =
            services.iter().map(|status| (status.name.clone(), lasting(status))).collect();
        let is_new = |status: &&ServiceStatus| self.services.get(&status.name) != now.get(&status.name);
        let changed = services.iter().filter(is_new).cloned().collect();
        let gone = self.services.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        self.services = now;
        (changed, gone)
    }
}
