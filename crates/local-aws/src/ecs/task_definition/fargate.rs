//! Task sizes: how they are written, and which ones Fargate has.

use super::{super::Members, TaskDefinition};
use crate::error::ApiError;

/// CPU units of a written size: `"256"`, `"0.25 vCPU"`, `"1vcpu"`. Units.
pub(super) fn cpu_units(text: &str) -> Option<u64> {
    scaled(text, &["vcpu"])
}

/// MiB of a written size: `"512"`, `"0.5 GB"`, `"1GB"`. Units.
pub(super) fn memory_mib(text: &str) -> Option<u64> {
    scaled(text, &["gb"])
}

/// A whole number, or a decimal with a unit that stands for 1,024.
fn scaled(text: &str, units: &[&str]) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = units.iter().find_map(|unit| text.strip_suffix(unit)) else {
        return text.parse().ok();
    };
    let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let denominator = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let total = whole.checked_mul(denominator)?.checked_add(fraction)?.checked_mul(1_024)?;
    (total % denominator == 0).then_some(total / denominator)
}

/// Refuses sizes that Fargate does not have.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size>
pub(super) fn check_size(cpu: Option<u64>, memory: Option<u64>) -> Result<(), ApiError> {
    let Some(cpu) = cpu else {
        return Err(ApiError::client("Fargate requires that 'cpu' be defined at the task level."));
    };
    let Some(memory) = memory else {
        return Err(ApiError::client("Fargate requires that 'memory' be defined at the task level."));
    };
    let (least, most, step) = match cpu {
        256 if memory == 512 => return Ok(()),
        256 => (1_024, 2_048, 1_024),
        512 => (1_024, 4_096, 1_024),
        1_024 => (2_048, 8_192, 1_024),
        2_048 => (4_096, 16_384, 1_024),
        4_096 => (8_192, 30_720, 1_024),
        8_192 => (16_384, 61_440, 4_096),
        16_384 => (32_768, 122_880, 8_192),
        _ => return Err(ApiError::client("No Fargate configuration exists for given values.")),
    };
    if (least..=most).contains(&memory) && memory.is_multiple_of(step) {
        Ok(())
    } else {
        Err(ApiError::client("No Fargate configuration exists for given values."))
    }
}

/// The members of a task's size that a RunTask overrides, as numbers; refused where Fargate has no such
/// size, or a text is none.
pub(in crate::ecs) fn check_size_override(
    definition: &TaskDefinition,
    cpu: Option<&str>,
    memory: Option<&str>,
) -> Result<Vec<(&'static str, u64)>, ApiError> {
    let read = |name: &str, text: Option<&str>, units: fn(&str) -> Option<u64>| match text {
        None => Ok(None),
        Some(text) => units(text)
            .map(Some)
            .ok_or_else(|| ApiError::client(format!("Invalid '{name}' setting for task."))),
    };
    let (cpu, memory) = (read("cpu", cpu, cpu_units)?, read("memory", memory, memory_mib)?);
    let is_for_fargate =
        definition.body.texts("requiresCompatibilities").any(|compatibility| compatibility == "FARGATE");
    if is_for_fargate && (cpu.is_some() || memory.is_some()) {
        let own = |name: &str| definition.body.text(name).and_then(|size| size.parse().ok());
        check_size(cpu.or_else(|| own("cpu")), memory.or_else(|| own("memory")))?;
    }
    let members = [("cpu", cpu), ("memory", memory)];
    Ok(members.into_iter().filter_map(|(name, size)| size.map(|size| (name, size))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_in_units_or_in_words() {
        for (text, units) in [("256", 256), ("0.25 vCPU", 256), ("1vcpu", 1_024), (".5 vCPU", 512)] {
            assert_eq!(cpu_units(text), Some(units), "{text}");
        }
        for (text, mib) in [("512", 512), ("0.5 GB", 512), ("1GB", 1_024), ("30 GB", 30_720)] {
            assert_eq!(memory_mib(text), Some(mib), "{text}");
        }
        for text in ["", "vCPU vCPU", "0.3 vCPU", "-1", "1.2.3 vCPU", "big"] {
            assert_eq!(cpu_units(text), None, "{text}");
        }
    }

    #[test]
    fn fargate_has_the_documented_pairs_and_no_other() {
        for (cpu, memory, exists) in [
            (256, 512, true),
            (256, 2_048, true),
            (256, 8_192, false),
            (256, 1_536, false),
            (512, 4_096, true),
            (512, 512, false),
            (1_024, 8_192, true),
            (2_048, 16_384, true),
            (4_096, 30_720, true),
            (4_096, 31_744, false),
            (8_192, 20_480, true),
            (8_192, 17_408, false),
            (16_384, 122_880, true),
            (128, 512, false),
        ] {
            assert_eq!(check_size(Some(cpu), Some(memory)).is_ok(), exists, "{cpu} {memory}");
        }
        let text = check_size(None, Some(512)).unwrap_err().message;
        assert_eq!(text, "Fargate requires that 'cpu' be defined at the task level.");
    }
}
