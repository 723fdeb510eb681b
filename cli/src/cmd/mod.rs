//! One file per verb, top to bottom.

pub(crate) mod apply;
pub(crate) mod completion;
pub(crate) mod describe;
#[cfg(feature = "dev")]
pub(crate) mod dev;
pub(crate) mod diff;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod plan;
mod preview;
pub(crate) mod publish;
pub(crate) mod retry;
pub(crate) mod schema;
pub(crate) mod validate;
pub(crate) mod version;
pub(crate) mod wait;
mod watch;
