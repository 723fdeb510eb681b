//! The live status: a table that is redrawn on a terminal, a line per change elsewhere.

use std::{collections::BTreeMap, sync::Arc};

use coxswain_controller::status::{ServiceStatus, SourceStatus, StatusBoard};
use tokio::sync::watch;

use crate::{
    cmd::get::table,
    exit::Failure,
    output::{
        Terminal,
        table::{fitted, terminal_width},
        time,
    },
};

/// Between two redraws, so that a burst of reports is one picture.
const REDRAW: std::time::Duration = std::time::Duration::from_millis(100);

/// On a terminal the table is drawn anew so often all the same: the times in it grow.
const TICK: std::time::Duration = std::time::Duration::from_secs(1);

/// Follows the board.
#[derive(Debug)]
pub(super) struct Live {
    board: Arc<StatusBoard>,
    changes: watch::Receiver<u64>,
    said: BTreeMap<String, String>,
    drawn_lines: usize,
}

impl Live {
    /// Nothing shown yet.
    pub(super) fn new(board: Arc<StatusBoard>) -> Self {
        let changes = board.follow();
        Self { board, changes, said: BTreeMap::new(), drawn_lines: 0 }
    }

    /// Shows what changes, until dropped.
    pub(super) async fn follow(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        loop {
            if terminal.is_interactive {
                self.redraw(terminal)?;
            } else {
                self.lines(terminal)?;
            }
            tokio::select! {
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(TICK), if terminal.is_interactive => {}
            }
            tokio::time::sleep(REDRAW).await;
            self.changes.mark_unchanged();
        }
    }

    /// A line for each object whose words or sentence changed.
    fn lines(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        let mut now = vec![("source".to_owned(), source(&self.board.source_status()))];
        now.extend(self.board.services().map(|status| (status.object(), service(&status))));
        for (object, words) in now {
            if words.is_empty() || self.said.get(&object) == Some(&words) {
                continue;
            }
            terminal.answer(&format!("{} {object} {words}", time::seconds(crate::output::now())))?;
            self.said.insert(object, words);
        }
        Ok(())
    }

    /// The table over the one that was drawn last.
    fn redraw(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        let source_line =
            fitted(&format!("source  {}", source(&self.board.source_status())), terminal_width());
        let services: Vec<_> = self.board.services().collect();
        let mut text = format!("\n{source_line}\n");
        if !services.is_empty() {
            text.push_str(&table(&services, false, terminal).render(terminal, true));
        }
        // Up to the first line that was drawn, and clear from there.
        let over = match self.drawn_lines {
            0 => String::new(),
            lines => format!("\u{1b}[{lines}A\r\u{1b}[J"),
        };
        terminal.draw(&format!("{over}{text}"))?;
        self.drawn_lines = text.lines().count();
        Ok(())
    }
}

fn source(source: &SourceStatus) -> String {
    let Some(condition) = source.ready() else { return String::new() };
    let revision =
        source.revision.as_deref().map_or(String::new(), |revision| format!("revision {revision}, "));
    let text = format!("{}: {revision}{}", condition.reason, condition.message);
    match source.problems.first().filter(|_| !source.is_ready()) {
        Some(problem) => format!("{text}; {}: {}", problem.location, problem.message),
        None => text,
    }
}

fn service(status: &ServiceStatus) -> String {
    if status.conditions.is_empty() {
        return String::new();
    }
    let tasks =
        status.counts.map(|counts| format!(" {}/{}", counts.running, counts.desired)).unwrap_or_default();
    format!("{} {}{tasks} {}: {}", status.sync, status.health, status.reason, status.summary)
}
