//! Logs: one line an event, for people or for machines, on stderr.
//!
//! Fields have fixed names: `object`, `reason`, `revision`, `step`, `error`. Nothing that could be secret
//! is ever a field: requests and answers are not logged, and values of environment variables nowhere. For
//! machines, every line carries the replica and the term of the lease that it leads in.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use clap::ValueEnum;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        self, FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, JsonFields, Writer},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Who writes the lines: a replica, in a term. Clones share the term.
#[derive(Debug, Clone)]
pub struct Stamp {
    replica: Arc<str>,
    epoch: Arc<AtomicU64>,
}

impl Stamp {
    /// That of a replica that does not lead yet.
    pub fn new(replica: impl Into<Arc<str>>) -> Self {
        Self { replica: replica.into(), epoch: Arc::default() }
    }

    /// The replica.
    pub fn replica(&self) -> &str {
        &self.replica
    }

    /// Sets the term that it leads in; 0 where it follows.
    pub(crate) fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }
}

/// Lines of JSON that begin with the stamp.
struct Stamped {
    lines: Format<Json>,
    stamp: Stamp,
}

impl<S, N> FormatEvent<S, N> for Stamped
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        let replica = serde_json::Value::from(self.stamp.replica());
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, "{{\"replica\":{replica},\"epoch\":{},{rest}", self.stamp.epoch())
    }
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter is not of the right form.
    #[error("`{filter}` is no log filter, such as `info` or `info,coxswain_controller=debug`")]
    Filter {
        /// As written.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The program has set up logging before.
    #[error("logging is already set up")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the whole program, once.
///
/// `filter` is a level (`info`) or directives (`info,coxswain_controller=debug`).
pub fn init(format: LogFormat, filter: &str, stamp: Stamp) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let registry = tracing_subscriber::registry().with(parsed);
    match format {
        LogFormat::Text => {
            let layer = fmt::layer().with_target(false);
            registry.with(layer.with_writer(std::io::stderr)).try_init()?;
        }
        LogFormat::Json => {
            let layer = fmt::layer().event_format(stamped(stamp)).fmt_fields(JsonFields::new());
            registry.with(layer.with_writer(std::io::stderr)).try_init()?;
        }
    }
    Ok(())
}

fn stamped(stamp: Stamp) -> Stamped {
    let lines = fmt::format().json().flatten_event(true).with_current_span(true).with_span_list(false);
    Stamped { lines, stamp }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_for_machines_carries_the_replica_and_the_term_of_that_moment() {
        let (kept, stamp) = (Kept::default(), Stamp::new("one/\"5f2c\""));
        let writer = kept.clone();
        let layer = fmt::layer().event_format(stamped(stamp.clone())).fmt_fields(JsonFields::new());
        let subscriber = tracing_subscriber::registry().with(layer.with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("first");
            stamp.set_epoch(7);
            tracing::info_span!("reconcile", object = "service/api").in_scope(|| tracing::warn!("second"));
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        for (line, (epoch, message)) in lines.iter().zip([(0, "first"), (7, "second")]) {
            assert_eq!(line["replica"], "one/\"5f2c\"", "{text}");
            assert_eq!((&line["epoch"], &line["message"]), (&epoch.into(), &message.into()), "{text}");
        }
        assert_eq!(lines[1]["span"]["object"], "service/api");
    }
}
