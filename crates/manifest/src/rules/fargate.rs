//! What Fargate offers and what it does not have.

use crate::code::Code;
use crate::cursor::{Cursor, Report};
use crate::tree::{Data, Tree};

/// Task cpu in units, and the memory in MiB that Fargate offers with it: least, greatest, step.
///
/// Source: Amazon ECS Developer Guide, "Task definition parameters for Fargate", task size.
const SIZES: &[(u64, u64, u64, u64)] = &[
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// The memories that Fargate offers with so much cpu.
fn memories(cpu: u64) -> Option<Vec<u64>> {
    // The smallest size is no even series.
    if cpu == 256 {
        return Some(vec![512, 1024, 2048]);
    }
    let (_, least, greatest, step) = SIZES.iter().find(|(units, ..)| *units == cpu)?;
    Some((*least..=*greatest).step_by(usize::try_from(*step).unwrap_or(1)).collect())
}

/// Whether the task definition has to suit Fargate; not where a reference leaves it open.
pub(super) fn is_wanted(spec: &Cursor<'_>) -> bool {
    let required = spec
        .get("taskDefinition")
        .and_then(|definition| definition.lists("requiresCompatibilities", "FARGATE"));
    let service = spec.get("service");
    let launched = service.as_ref().and_then(|service| service.text_of("launchType")) == Some("FARGATE");
    let providers = service.map(|service| service.list("capacityProviderStrategy")).unwrap_or_default();
    let provided = providers
        .iter()
        .any(|item| matches!(item.text_of("capacityProvider"), Some("FARGATE" | "FARGATE_SPOT")));
    required == Some(true) || launched || provided
}

/// The task definition's own settings.
pub(super) fn task_definition(definition: &Cursor<'_>, report: &mut Report<'_>) {
    size(definition, report);
    match definition.get("networkMode") {
        None => {
            let diagnostic = report.missing(definition, "networkMode", "Fargate needs \"networkMode\"");
            report.push(diagnostic.help("write networkMode: awsvpc"));
        }
        Some(mode) => {
            if let Some(text) = mode.text().filter(|text| matches!(*text, "bridge" | "host" | "none")) {
                let message = format!("Fargate has no network mode {text}");
                let diagnostic = report.error(&mode, Code::NotOnFargate, message);
                report.push(diagnostic.label("expected awsvpc"));
            }
        }
    }
    refuse(definition, &["ipcMode", "placementConstraints"], report);
    if let Some(mode) = definition.get("pidMode").filter(|mode| mode.text() == Some("host")) {
        let diagnostic =
            report.error(&mode, Code::NotOnFargate, "Fargate shares process ids within a task only");
        report.push(diagnostic.label("expected task"));
    }
    for volume in definition.list("volumes") {
        refuse(&volume, &["dockerVolumeConfiguration"], report);
        if let Some(host) = volume.get("host") {
            refuse(&host, &["sourcePath"], report);
        }
    }
}

/// A container's settings.
pub(super) fn container(container: &Cursor<'_>, report: &mut Report<'_>) {
    let fields = [
        "disableNetworking",
        "dnsSearchDomains",
        "dnsServers",
        "dockerSecurityOptions",
        "extraHosts",
        "links",
        "privileged",
    ];
    refuse(container, &fields, report);
    report.range(container, "stopTimeout", 0, 120);
    if let Some(linux) = container.get("linuxParameters") {
        refuse(&linux, &["devices", "maxSwap", "sharedMemorySize", "swappiness", "tmpfs"], report);
        for capability in linux.at(&["capabilities", "add"]).map(|list| list.items()).unwrap_or_default() {
            if let Some(text) = capability.text().filter(|text| *text != "SYS_PTRACE") {
                let message = format!("Fargate cannot add the capability {text}");
                let diagnostic = report.error(&capability, Code::NotOnFargate, message);
                report.push(diagnostic.label("only SYS_PTRACE can be added"));
            }
        }
    }
    for requirement in container.list("resourceRequirements") {
        if requirement.text_of("type") == Some("GPU") {
            let diagnostic = report.error(&requirement, Code::NotOnFargate, "Fargate has no GPUs");
            report.push(diagnostic.label("not on Fargate"));
        }
    }
    if let Some(log) =
        container.get("logConfiguration").filter(|log| log.text_of("logDriver") == Some("awslogs"))
    {
        let has_prefix = log.at(&["options", "awslogs-stream-prefix"]).is_some();
        if !has_prefix && !log.get("options").is_some_and(|options| options.tree.is_unknown()) {
            let message = "awslogs on Fargate needs the option \"awslogs-stream-prefix\"";
            let diagnostic = report.error_at_key(container, "logConfiguration", Code::MissingField, message);
            report.push(diagnostic.label("no awslogs-stream-prefix among its options"));
        }
    }
}

/// Refuses members that Fargate does not have, unless they say nothing (false, or an empty list).
fn refuse(owner: &Cursor<'_>, fields: &[&str], report: &mut Report<'_>) {
    for field in fields {
        let says_nothing = |tree: &Tree| match &tree.data {
            Data::Boolean(value) => !value,
            Data::List(items) => items.is_empty(),
            Data::Text(text) => text.is_empty() || text == "false",
            _ => false,
        };
        if owner.get(field).is_some_and(|value| !says_nothing(value.tree)) {
            let message = format!("Fargate does not have \"{field}\"");
            let diagnostic = report.error_at_key(owner, field, Code::NotOnFargate, message);
            report.push(diagnostic.label("needs a host of one's own").help(format!("remove \"{field}\"")));
        }
    }
}

/// The pair of task cpu and memory.
fn size(definition: &Cursor<'_>, report: &mut Report<'_>) {
    for field in ["cpu", "memory"] {
        if !definition.has(field) {
            let message = format!("Fargate needs \"{field}\" for the task");
            let diagnostic = report.missing(definition, field, message);
            report.push(diagnostic.help("the smallest size is cpu 256, memory 512"));
        }
    }
    let Some(cpu) = definition.get("cpu") else { return };
    let Some(cpu_text) = cpu.text() else { return };
    let all: Vec<_> =
        std::iter::once(256).chain(SIZES.iter().map(|size| size.0)).map(|cpu| cpu.to_string()).collect();
    let Some((units, offered)) = amount(cpu_text, "vcpu").and_then(|units| Some((units, memories(units)?)))
    else {
        let message = format!("Fargate has no task of cpu {cpu_text}");
        let diagnostic = report.error(&cpu, Code::InvalidCpuMemory, message);
        report.push(diagnostic.label(format!("expected one of {}", all.join(", "))));
        return;
    };
    let family = definition.at(&["runtimePlatform", "operatingSystemFamily"]);
    if units < 1024 && family.and_then(|family| family.text()).is_some_and(|text| text.starts_with("WINDOWS"))
    {
        let diagnostic = report.error(&cpu, Code::InvalidCpuMemory, "Windows on Fargate needs more cpu");
        report.push(diagnostic.label("expected at least 1024"));
    }
    let Some(memory) = definition.get("memory") else {
        return;
    };
    let Some(memory_text) = memory.text() else { return };
    if amount(memory_text, "gb").is_none_or(|mib| !offered.contains(&mib)) {
        let message = format!("Fargate does not offer cpu {cpu_text} with memory {memory_text}");
        let diagnostic = report
            .error(&memory, Code::InvalidCpuMemory, message)
            .label(format!("with cpu {cpu_text}: {}", series(&offered)))
            .also(report.sources.location(cpu.tree.span), "the cpu");
        report.push(match fitting(amount(memory_text, "gb")) {
            Some(cpus) => diagnostic.help(format!("memory {memory_text} goes with cpu {cpus}")),
            None => diagnostic,
        });
    }
}

/// The cpus that Fargate offers with so much memory.
fn fitting(memory: Option<u64>) -> Option<String> {
    let memory = memory?;
    let all = std::iter::once(256).chain(SIZES.iter().map(|size| size.0));
    let cpus: Vec<_> = all
        .filter(|cpu| memories(*cpu).is_some_and(|offered| offered.contains(&memory)))
        .map(|cpu| cpu.to_string())
        .collect();
    (!cpus.is_empty()).then(|| cpus.join(" or "))
}

/// `512, 1024 or 2048`; long series by their ends and step.
fn series(offered: &[u64]) -> String {
    match offered {
        [first, second, .., last] if offered.len() > 4 => {
            format!("{first} to {last} in steps of {}", second.saturating_sub(*first))
        }
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(u64::to_string).collect();
            format!("{} or {last}", rest.join(", "))
        }
        [] => String::new(),
    }
}

/// Units or MiB of `1024`, `1 vCPU`, `0.5GB`: a plain number is the small unit, a number with the unit
/// is 1,024 times as much.
///
/// Source: `TaskDefinition` `cpu` and `memory` in the Amazon ECS API Reference.
fn amount(text: &str, unit: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let Some(number) = lower.strip_suffix(unit) else {
        return lower.parse().ok();
    };
    let value: f64 = number.trim().parse().ok()?;
    let whole = value * 1024.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on the same line")]
    (whole.fract() == 0.0 && (0.0..1.0e9).contains(&whole)).then_some(whole as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_published_table() {
        assert_eq!(memories(256), Some(vec![512, 1024, 2048]));
        assert_eq!(memories(512), Some(vec![1024, 2048, 3072, 4096]));
        assert_eq!(memories(4096).map(|offered| offered.len()), Some(23));
        assert_eq!(memories(8192).map(|offered| offered.len()), Some(12));
        assert_eq!(memories(16_384).and_then(|offered| offered.last().copied()), Some(122_880));
        assert_eq!(memories(300), None);
    }

    #[test]
    fn amounts_are_read_with_and_without_unit() {
        for (text, unit, amount_found) in [
            ("256", "vcpu", Some(256)),
            ("0.25 vCPU", "vcpu", Some(256)),
            ("1vcpu", "vcpu", Some(1024)),
            ("0.5 GB", "gb", Some(512)),
            ("1GB", "gb", Some(1024)),
            ("1 MB", "gb", None),
            ("-1 GB", "gb", None),
            ("NaN GB", "gb", None),
        ] {
            assert_eq!(amount(text, unit), amount_found, "{text}");
        }
    }
}
