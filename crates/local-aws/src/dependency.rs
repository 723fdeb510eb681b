//! `dependsOn`: when a container may start, and when it never will.

/// How far a container has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its program has not run yet.
    #[default]
    Waiting,
    /// Its program runs.
    Running {
        /// What its health check says.
        healthy: bool,
    },
    /// Its program has ended.
    Exited(i32),
    /// It has ended without its program having run.
    NeverStarted,
}

impl Progress {
    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Exited(_) | Self::NeverStarted)
    }
}

/// What a dependency says of the container that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Wait,
    /// The condition cannot be met any more, and why.
    Never(&'static str),
}

/// Judges one condition of `dependsOn` by the progress of the container that it names.
///
/// Source: Amazon ECS developer guide, container dependency.
pub(crate) fn gate(condition: &str, on: Progress) -> Gate {
    use Progress::{Exited, NeverStarted, Running, Waiting};
    match (condition, on) {
        ("START", Running { .. } | Exited(_))
        | ("COMPLETE", Exited(_))
        | ("SUCCESS", Exited(0))
        | ("HEALTHY", Running { healthy: true }) => Gate::Open,
        ("START" | "COMPLETE" | "SUCCESS" | "HEALTHY", Waiting | Running { .. }) => Gate::Wait,
        ("SUCCESS", Exited(_)) => Gate::Never("did not exit successfully"),
        ("HEALTHY", Exited(_)) => Gate::Never("ended before it was healthy"),
        ("START" | "COMPLETE" | "SUCCESS" | "HEALTHY", NeverStarted) => Gate::Never("did not start"),
        _ => Gate::Never("has a condition that does not exist"),
    }
}

/// What a container says whose dependency can never be met, in the words of ECS's agent.
pub(crate) fn never_met(name: &str, container: &str, why: &str) -> String {
    format!(
        "failed to resolve container ordering dependency [{name}] for target [{container}] as dependency {why}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_opens_waits_or_is_out_of_reach() {
        let running = Progress::Running { healthy: false };
        let healthy = Progress::Running { healthy: true };
        for (condition, progress, expected) in [
            ("START", Progress::Waiting, "wait"),
            ("START", running, "open"),
            ("START", Progress::Exited(1), "open"),
            ("START", Progress::NeverStarted, "did not start"),
            ("COMPLETE", running, "wait"),
            ("COMPLETE", Progress::Exited(1), "open"),
            ("COMPLETE", Progress::NeverStarted, "did not start"),
            ("SUCCESS", running, "wait"),
            ("SUCCESS", Progress::Exited(0), "open"),
            ("SUCCESS", Progress::Exited(1), "did not exit successfully"),
            ("HEALTHY", running, "wait"),
            ("HEALTHY", healthy, "open"),
            ("HEALTHY", Progress::Exited(0), "ended before it was healthy"),
            ("DONE", running, "has a condition that does not exist"),
        ] {
            let found = match gate(condition, progress) {
                Gate::Open => "open",
                Gate::Wait => "wait",
                Gate::Never(why) => why,
            };
            assert_eq!(found, expected, "{condition} {progress:?}");
        }
    }
}
