//! A container's health: when its check runs, and what a run of failures means.
//!
//! As Docker does it: the first check comes one interval after the start, the next one an interval
//! after the last has ended. One success makes a container healthy at any time; `retries` failures in
//! a row make it unhealthy. Failures in the start period do not count, until the first success ends
//! that period early.

use std::time::Duration;

use crate::task_spec::HealthCheck;

/// What is known of a container's health.
#[derive(Debug)]
pub(super) struct Health {
    retries: u32,
    start_period: Duration,
    failures: u32,
    verdict: Option<bool>,
}

impl Health {
    pub(super) fn new(check: &HealthCheck) -> Self {
        Self { retries: check.retries.max(1), start_period: check.start_period, failures: 0, verdict: None }
    }

    /// Takes in one check's result; `age` is the container's when the check ended.
    ///
    /// Returns the verdict if it changed: `true` for healthy.
    pub(super) fn record(&mut self, passed: bool, age: Duration) -> Option<bool> {
        if passed {
            self.failures = 0;
            return self.change(true);
        }
        if self.verdict.is_none() && age < self.start_period {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.retries { self.change(false) } else { None }
    }

    fn change(&mut self, healthy: bool) -> Option<bool> {
        (self.verdict.replace(healthy) != Some(healthy)).then_some(healthy)
    }
}

/// A health check's command line, `None` where it asks for no check.
///
/// `CMD` and arguments, `CMD-SHELL` and one string for the shell, or a bare command.
pub(super) fn command_line(command: &[String]) -> Option<Vec<String>> {
    let words = match command {
        [first, rest @ ..] if first == "CMD" => rest.to_vec(),
        [first, rest @ ..] if first == "CMD-SHELL" => vec!["/bin/sh".into(), "-c".into(), rest.join(" ")],
        [first] if first == "NONE" => Vec::new(),
        bare => bare.to_vec(),
    };
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(retries: u32, start_period: u64) -> Health {
        Health::new(&HealthCheck {
            command: vec!["true".into()],
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            retries,
            start_period: Duration::from_secs(start_period),
        })
    }

    /// Results as `+` and `-`, one each five seconds; verdicts as `H`, `U` and `.` for no change.
    fn play(mut health: Health, results: &str) -> String {
        let mut age = Duration::ZERO;
        let mut verdicts = String::new();
        for result in results.chars() {
            age += Duration::from_secs(5);
            verdicts.push(match health.record(result == '+', age) {
                Some(true) => 'H',
                Some(false) => 'U',
                None => '.',
            });
        }
        verdicts
    }

    #[test]
    fn one_success_is_healthy_and_as_many_failures_in_a_row_as_retries_are_unhealthy() {
        assert_eq!(play(health(3, 0), "+++"), "H..");
        assert_eq!(play(health(3, 0), "---"), "..U");
        assert_eq!(play(health(3, 0), "+--+---+"), "H.....UH");
        assert_eq!(play(health(1, 0), "-+-"), "UHU");
    }

    #[test]
    fn failures_in_the_start_period_do_not_count() {
        assert_eq!(play(health(2, 20), "-----"), "....U");
        assert_eq!(play(health(2, 20), "---+"), "...H");
    }

    #[test]
    fn the_first_success_ends_the_start_period() {
        assert_eq!(play(health(2, 3_600), "+--"), "H.U");
    }

    #[test]
    fn a_check_is_a_command_a_shell_line_or_bare() {
        let line = |words: &[&str]| command_line(&words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["CMD", "curl", "-f"]).unwrap(), ["curl", "-f"]);
        assert_eq!(
            line(&["CMD-SHELL", "curl -f x || exit 1"]).unwrap(),
            ["/bin/sh", "-c", "curl -f x || exit 1"]
        );
        assert_eq!(line(&["api", "healthcheck"]).unwrap(), ["api", "healthcheck"]);
        assert_eq!(line(&["NONE"]), None);
        assert_eq!(line(&["CMD"]), None);
        assert_eq!(line(&[]), None);
    }
}
