//! What a container uses, read from `/proc`.
//!
//! Source: proc(5).

use std::{fs, time::Duration};

use rustix::process::Pid;

use super::descendants;
use crate::driver::Usage;

/// The kernel tells times in hundredths of a second, whatever it counts in itself.
const TICK: Duration = Duration::from_millis(10);

/// What all processes under a shim use; `None` where there is none any more.
pub(super) fn under(shim: Pid) -> Option<Usage> {
    let processes = descendants::of(shim);
    let mut usage = Usage {
        machine_cpu: machine_cpu(&read("stat")?)?,
        machine_memory: kibibytes(&read("meminfo")?, "MemTotal:")?,
        cpus: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        ..Usage::default()
    };
    for pid in processes {
        // A process that has just ended is none; one that is not ours to read has no bytes to tell.
        let of = |file: &str| read(&format!("{}/{file}", pid.as_raw_nonzero()));
        let (Some(stat), Some(status)) = (of("stat"), of("status")) else { continue };
        let Some((user, system)) = times(&stat) else { continue };
        usage.processes += 1;
        usage.cpu_user += user;
        usage.cpu_system += system;
        usage.memory += kibibytes(&status, "VmRSS:").unwrap_or(0);
        usage.memory_peak += kibibytes(&status, "VmHWM:").unwrap_or(0);
        if let Some(io) = of("io") {
            usage.bytes_read += number(&io, "read_bytes:").unwrap_or(0);
            usage.bytes_written += number(&io, "write_bytes:").unwrap_or(0);
        }
    }
    (usage.processes > 0).then_some(usage)
}

/// The memory that nobody but this process holds, and what it shares with others that are not files.
/// Units: bytes.
pub(super) fn own_memory(pid: Pid) -> u64 {
    // A process that has just ended has none.
    let status = read(&format!("{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    ["RssAnon:", "RssShmem:"].iter().filter_map(|name| kibibytes(&status, name)).sum()
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{file}")).ok()
}

/// User and system time, those of children that ended included.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    let mut next = || fields.next().flatten().map(|ticks| TICK * ticks);
    let (user, system, user_of_children, system_of_children) = (next()?, next()?, next()?, next()?);
    Some((user + user_of_children, system + system_of_children))
}

/// What all processors did, idleness included.
fn machine_cpu(stat: &str) -> Option<Duration> {
    let all = stat.lines().next()?.strip_prefix("cpu ")?;
    // The last two, guests' times, are in the first two already.
    let ticks: u64 = all.split_whitespace().take(8).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks.saturating_mul(10)))
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    number(text, name).map(|kibibytes| kibibytes.saturating_mul(1024))
}

fn number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_manual() {
        let stat = "42 (a) b) S 7 42 42 0 -1 4194304 10 20 0 0 150 25 50 75 20 0 1 0 100 1000 200";
        assert_eq!(times(stat), Some((Duration::from_secs(2), Duration::from_secs(1))));
        assert_eq!(times("42 (sh) S 1 42"), None);
        assert_eq!(machine_cpu("cpu  100 0 100 700 50 25 25 0 9 9\ncpu0 1"), Some(Duration::from_secs(10)));
        assert_eq!(kibibytes("Name:\tsh\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12_288));
        assert_eq!(number("read_bytes: 4096\n", "read_bytes:"), Some(4_096));
        assert_eq!(number("", "read_bytes:"), None);
    }
}
