//! The one place that asks what time it is.

/// Gives the time; a function, so that tests can fix it.
pub(crate) type Clock = fn() -> jiff::Timestamp;

/// The system's clock.
#[expect(clippy::disallowed_methods, reason = "the program's only reading of the clock")]
pub(crate) fn system() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
