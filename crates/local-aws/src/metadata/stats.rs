//! Statistics of a container in Docker's form.
//!
//! `precpu_stats` is empty, as in Docker's one-shot form: a client's usual arithmetic then gives the mean
//! since the container's start.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{clock::Time, driver::Usage};

/// When Docker has nothing to compare with.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) fn docker(name: &str, id: &str, limit: Option<u64>, usage: &Usage, now: Time) -> Value {
    json!({
        "read": now.to_text(),
        "preread": NEVER,
        "num_procs": 0,
        "pids_stats": {"current": usage.processes},
        "cpu_stats": {
            "cpu_usage": {
                "total_usage": nanoseconds(usage.cpu_user + usage.cpu_system),
                "usage_in_usermode": nanoseconds(usage.cpu_user),
                "usage_in_kernelmode": nanoseconds(usage.cpu_system),
            },
            "system_cpu_usage": nanoseconds(usage.machine_cpu),
            "online_cpus": usage.cpus,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "precpu_stats": {
            "cpu_usage": {"total_usage": 0, "usage_in_usermode": 0, "usage_in_kernelmode": 0},
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "memory_stats": {
            "usage": usage.memory,
            "max_usage": usage.memory_peak,
            "stats": {"rss": usage.memory},
            "limit": limit.unwrap_or(usage.machine_memory),
        },
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 0, "minor": 0, "op": "Read", "value": usage.bytes_read},
                {"major": 0, "minor": 0, "op": "Write", "value": usage.bytes_written},
            ],
        },
        "storage_stats": {},
        "name": name,
        "id": id,
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
