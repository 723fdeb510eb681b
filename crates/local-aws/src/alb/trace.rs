//! `X-Amzn-Trace-Id`: the same request, from load balancer to load balancer.
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html>

use std::sync::{Arc, Mutex, PoisonError};

use crate::{clock::Clock, id::Random};

/// Makes trace ids.
#[derive(Debug)]
pub(super) struct Traces {
    clock: Arc<dyn Clock>,
    random: Mutex<Random>,
}

impl Traces {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, random: Mutex::new(Random::unseeded()) }
    }

    /// The header's value: a new root, or this load balancer's own field before what came.
    pub(super) fn next(&self, incoming: Option<&str>) -> String {
        let seconds = self.clock.now().as_millis() / 1_000;
        let mut digits = self.random.lock().unwrap_or_else(PoisonError::into_inner).hex32();
        digits.truncate(24);
        let id = format!("1-{seconds:08x}-{digits}");
        // Another load balancer's own field is not passed on.
        let fields: Vec<&str> = incoming
            .unwrap_or_default()
            .split(';')
            .map(str::trim)
            .filter(|field| !field.is_empty() && !field.starts_with("Self="))
            .collect();
        if fields.iter().any(|field| field.starts_with("Root=")) {
            return format!("Self={id};{}", fields.join(";"));
        }
        [&[format!("Root={id}").as_str()], fields.as_slice()].concat().join(";")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Time {
            Time::from_millis(0x6789_1233 * 1_000)
        }
    }

    #[test]
    fn a_root_is_made_or_kept() {
        let traces = Traces::new(Arc::new(Fixed));
        let root = traces.next(None);
        assert!(
            root.starts_with("Root=1-67891233-") && root.len() == "Root=1-67891233-".len() + 24,
            "{root}"
        );
        let kept = traces.next(Some("Self=1-0-a;Root=1-5-b;x=y"));
        assert!(kept.starts_with("Self=1-67891233-") && kept.ends_with(";Root=1-5-b;x=y"), "{kept}");
        let added = traces.next(Some("CalledFrom=app"));
        assert!(added.starts_with("Root=1-67891233-") && added.ends_with(";CalledFrom=app"), "{added}");
    }
}
