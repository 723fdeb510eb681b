//! One spelling for text that ECS takes in several.

use std::cmp::Ordering;

use crate::rules::Spelling;

impl Spelling {
    /// `text` in the one spelling; what cannot be read stays as written, for ECS to refuse.
    pub(crate) fn of(self, text: &str) -> String {
        let spelled = match self {
            Self::Verbatim | Self::Role => None,
            Self::CpuUnits => units(text, "vcpu"),
            Self::MemoryMib => units(text, "gb"),
            Self::Protocol if text.eq_ignore_ascii_case("udp") => Some("udp".to_owned()),
            Self::Protocol => Some("tcp".to_owned()),
            Self::PlacementField => placement_field(text).map(str::to_owned),
        };
        spelled.unwrap_or_else(|| text.to_owned())
    }

    /// Whether two texts, each in the one spelling, say the same.
    pub(crate) fn same(self, left: &str, right: &str) -> bool {
        left == right || self == Self::Role && same_role(left, right)
    }
}

/// A decimal number with `unit` times 1024, or a whole number without one.
///
/// Exact for what ECS takes: it has no size that is no multiple of 1/1024 of the unit.
fn units(text: &str, unit: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let Some(number) = lower.strip_suffix(unit) else {
        return lower.parse::<u64>().ok().map(|whole| whole.to_string());
    };
    let scaled = number.trim_end().parse::<f64>().ok()? * 1024.0;
    let is_whole = scaled.fract() == 0.0;
    (is_whole && (0.0..1e15).contains(&scaled)).then(|| format!("{scaled:.0}"))
}

fn placement_field(text: &str) -> Option<&'static str> {
    let known = [("host", "instanceId"), ("instanceId", "instanceId"), ("cpu", "CPU"), ("memory", "MEMORY")];
    known.iter().find(|(written, _)| written.eq_ignore_ascii_case(text)).map(|(_, field)| *field)
}

fn same_role(left: &str, right: &str) -> bool {
    let is_arn = |text: &str| text.starts_with("arn:");
    let name = |text: &str| text.rsplit('/').next().map(str::to_owned);
    match is_arn(left).cmp(&is_arn(right)) {
        Ordering::Equal => false,
        Ordering::Less | Ordering::Greater => name(left) == name(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_sizes_with_and_without_units_are_one_number() {
        let cpu = [
            ("256", "256"),
            ("0.25 vCPU", "256"),
            (".25vcpu", "256"),
            ("1vcpu", "1024"),
            (" 2 VCPU ", "2048"),
        ];
        for (written, stored) in cpu {
            assert_eq!(Spelling::CpuUnits.of(written), stored, "{written}");
        }
        let memory =
            [("512", "512"), ("0.5 GB", "512"), ("1GB", "1024"), ("30 gb", "30720"), ("0512", "512")];
        for (written, stored) in memory {
            assert_eq!(Spelling::MemoryMib.of(written), stored, "{written}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_read_stays_as_written() {
        for written in ["", "vCPU", "a lot", "-1 vCPU", "0.3333 vCPU", "1e300 vCPU", "NaN vcpu", "1 GB"] {
            assert_eq!(Spelling::CpuUnits.of(written), written);
        }
    }

    #[test]
    fn any_protocol_but_udp_is_tcp() {
        assert_eq!(Spelling::Protocol.of("udp"), "udp");
        assert_eq!(Spelling::Protocol.of("UDP"), "udp");
        assert_eq!(Spelling::Protocol.of("sctp"), "tcp");
    }

    #[test]
    fn placement_fields_are_spelled_as_ecs_returns_them() {
        assert_eq!(Spelling::PlacementField.of("host"), "instanceId");
        assert_eq!(Spelling::PlacementField.of("memory"), "MEMORY");
        let attribute = "attribute:ecs.availability-zone";
        assert_eq!(Spelling::PlacementField.of(attribute), attribute);
    }

    #[test]
    fn a_role_is_known_by_its_name_only_where_one_side_is_no_arn() {
        let (ours, theirs) =
            ("arn:aws:iam::123456789012:role/path/task", "arn:aws:iam::210987654321:role/task");
        assert!(Spelling::Role.same("task", ours));
        assert!(Spelling::Role.same(theirs, "task"));
        assert!(!Spelling::Role.same(ours, theirs));
        assert!(!Spelling::Role.same("other", ours));
        assert!(!Spelling::Verbatim.same("task", ours));
    }
}
