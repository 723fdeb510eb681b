//! Who may write, and whether anybody may: asked right before every write.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use coxswain_runtime::Term;
use tokio::sync::watch;

use crate::kill_switch::{KillSwitch, Position};

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Withheld {
    /// The lease is not, or not any more, this replica's in the term that the work was begun in.
    #[error("this replica does not lead, or not any more")]
    NotLeading,
    /// Nothing is to be sent at all.
    #[error("the kill switch is set")]
    KillSwitch,
    /// The store does not say whether anything may be sent.
    #[error("the kill switch cannot be read: {0}")]
    Unknown(String),
}

/// The right to write of one term of this replica, from its beginning to its end.
///
/// # Guarantees
/// - It ends with the term, by itself, and does not come back: what was begun in one term cannot be
///   written in another.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Nothing where this is the only controller on its store.
    term: Option<Term>,
    kill_switch: KillSwitch,
    /// How often something was not sent for want of it, in all terms.
    withheld: Arc<AtomicU64>,
}

impl Authority {
    /// The term's number; 0 where one controller runs alone.
    pub fn epoch(&self) -> u64 {
        self.term.as_ref().map_or(0, Term::epoch)
    }

    /// Whether AWS may be written to now.
    ///
    /// The kill switch is read from the store for each write, and the lease is asked last.
    ///
    /// # Errors
    /// [`Withheld`], where nothing must be sent.
    pub(crate) async fn may_send(&self) -> Result<(), Withheld> {
        let may = match self.kill_switch.read().await {
            Position::Off => self.may_write(),
            Position::Set => Err(Withheld::KillSwitch),
            Position::Unknown(why) => Err(Withheld::Unknown(why)),
        };
        if may.is_err() {
            self.withheld.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// Whether the kill switch was set when it was read last.
    pub(crate) fn is_stopped(&self) -> bool {
        self.kill_switch.position() == Position::Set
    }

    /// Says that something of a later epoch was met: if the lease says otherwise, then its record was lost,
    /// and the next term counts on from there.
    pub(crate) fn outgrow(&self, epoch: u64) {
        if let Some(term) = &self.term {
            term.outgrow(epoch);
        }
    }

    /// Waits until the term is over; a controller that is alone leads for ever.
    pub(crate) async fn lost(&self) {
        match &self.term {
            Some(term) => term.lost().await,
            None => std::future::pending().await,
        }
    }
}

/// Whoever knows whether the store may be written to.
pub(crate) trait Right: Debug + Send + Sync {
    /// Whether the store may be written to now. To be asked right before each write.
    fn may_write(&self) -> Result<(), Withheld>;
}

impl Right for Authority {
    fn may_write(&self) -> Result<(), Withheld> {
        match &self.term {
            Some(term) if !term.may_act() => Err(Withheld::NotLeading),
            _ => Ok(()),
        }
    }
}

/// Under which authority this replica leads now, if it does. Clones share it.
#[derive(Debug, Clone)]
pub struct Leadership {
    current: watch::Sender<Option<Authority>>,
    withheld: Arc<AtomicU64>,
}

impl Default for Leadership {
    fn default() -> Self {
        Self { current: watch::Sender::new(None), withheld: Arc::default() }
    }
}

impl Leadership {
    /// The authority of the term that is in work.
    pub fn current(&self) -> Option<Authority> {
        self.current.borrow().clone()
    }

    /// Changes with each term that begins or ends.
    pub fn changes(&self) -> watch::Receiver<Option<Authority>> {
        self.current.subscribe()
    }

    /// How often a call of AWS was not sent for want of the lease or because of the kill switch.
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    /// Begins a term; without one, the rule of a controller that is alone.
    pub(crate) fn begin(&self, term: Option<Term>, kill_switch: KillSwitch) -> Authority {
        let authority = Authority { term, kill_switch, withheld: self.withheld.clone() };
        self.current.send_replace(Some(authority.clone()));
        authority
    }

    pub(crate) fn end(&self) {
        self.current.send_replace(None);
    }
}

impl Right for Leadership {
    fn may_write(&self) -> Result<(), Withheld> {
        self.current.borrow().as_ref().map_or(Err(Withheld::NotLeading), Right::may_write)
    }
}
