//! What a running container is found to use.

use std::time::Duration;

use coxswain_local_aws::TaskDriver;

use crate::bench::{Bench, TASK, script, until};

#[tokio::test]
async fn a_containers_processes_time_and_memory_are_measured_until_it_ends() {
    let mut bench = Bench::new();
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo counted; sleep 1000 & wait";
    bench.start(vec![script("web", busy)]);
    bench.started("web").await;
    bench.line("web", "counted").await;
    let usage = until("both processes are seen", || {
        bench.driver.usage(TASK, "web").filter(|usage| usage.processes == 2)
    })
    .await;
    assert!(usage.cpu_user > Duration::ZERO, "{usage:?}");
    assert!(usage.memory > 100_000 && usage.memory <= usage.memory_peak, "{usage:?}");
    assert!(usage.memory_peak < usage.machine_memory && usage.cpus > 0, "{usage:?}");
    assert!(usage.machine_cpu > usage.cpu_user, "{usage:?}");
    assert_eq!(bench.driver.usage(TASK, "side"), None);
    bench.driver.stop(TASK);
    bench.exited("web").await;
    assert_eq!(bench.driver.usage(TASK, "web"), None);
}
