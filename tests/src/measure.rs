//! What a process has used of the machine, from the kernel's account of it (proc(5)).

use std::fs;

use anyhow::{Context, Result};

/// CPU seconds that a process has used, user and system.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?, &[11, 12])
}

/// CPU seconds that this process's ended children have used, user and system.
pub fn cpu_seconds_of_children() -> Result<f64> {
    ticks(&fs::read_to_string("/proc/self/stat")?, &[13, 14])
}

/// A process's resident memory. Units: megabytes of 10^6 bytes.
pub fn resident_mb(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Fields of /proc/PID/stat after the name, from 0, in seconds at the usual 100 ticks.
fn ticks(stat: &str, fields: &[usize]) -> Result<f64> {
    let after = stat.rsplit(") ").next().context("a name in brackets")?;
    let all: Vec<&str> = after.split_whitespace().collect();
    let mut sum = 0.0;
    for field in fields {
        sum += all.get(*field).context("fields of stat")?.parse::<f64>()?;
    }
    Ok(sum / 100.0)
}
