//! Says in logs, metrics and events who leads and whether the kill switch is set.

use std::sync::Arc;

use coxswain_plan::Reason;
use coxswain_runtime::{Clock, DrainWatch};

use crate::{
    app::Handle, authority::Authority, kill_switch::Position, metrics::Metrics, status::StatusBoard,
    telemetry::Stamp,
};

/// What such events are of.
const OBJECT: &str = "controller";

/// Says who leads and whether the kill switch is set.
#[derive(Debug)]
pub(crate) struct Announcer {
    pub(crate) handle: Handle,
    pub(crate) board: Arc<StatusBoard>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stamp: Stamp,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Announcer {
    /// Says every change, until the program ends.
    pub(crate) async fn run(self, drain: DrainWatch) {
        let mut leads = self.handle.leadership().changes();
        let mut switch = self.handle.kill_switch().changes();
        self.leads(leads.borrow_and_update().as_ref());
        let mut was_set = switch.borrow_and_update().clone() == Position::Set;
        self.metrics.kill_switch(was_set);
        loop {
            tokio::select! {
                () = drain.signalled() => return,
                changed = leads.changed() => {
                    if changed.is_err() { return }
                    self.leads(leads.borrow_and_update().as_ref());
                }
                changed = switch.changed() => {
                    if changed.is_err() { return }
                    let position = switch.borrow_and_update().clone();
                    was_set = self.switched(was_set, &position);
                }
            }
        }
    }

    fn leads(&self, authority: Option<&Authority>) {
        let epoch = authority.map_or(0, Authority::epoch);
        self.stamp.set_epoch(epoch);
        self.metrics.leader(authority.is_some(), epoch);
        if epoch > 0 {
            let message = format!("{} leads, in term {epoch}", self.stamp.replica());
            self.board.note(self.clock.now(), OBJECT.to_owned(), Reason::LeaderChanged, message);
        }
    }

    /// An unreadable switch is no news of the switch: what was known of it stands.
    fn switched(&self, was_set: bool, position: &Position) -> bool {
        let is_set = match position {
            Position::Set => true,
            Position::Off => false,
            Position::Unknown(_) => return was_set,
        };
        self.metrics.kill_switch(is_set);
        if is_set != was_set {
            let message = if is_set {
                "the kill switch is set: nothing is sent to AWS"
            } else {
                "the kill switch was removed"
            };
            self.board.note(self.clock.now(), OBJECT.to_owned(), Reason::KillSwitch, message.to_owned());
        }
        is_set
    }
}
