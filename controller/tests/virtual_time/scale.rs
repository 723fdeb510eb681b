//! Many services.

use std::{fmt::Write as _, time::Duration};

use coxswain_controller::{app::Dependencies, aws::Limits};

use crate::stage::{Stage, pass, service};

#[tokio::test(start_paused = true)]
async fn a_pass_over_a_thousand_services_with_nothing_to_do_takes_at_most_101_calls() {
    let stage = Stage::new().await;
    for file in 0..10 {
        let mut text = String::new();
        for number in 0..100 {
            // Without tasks: what is counted are the controller's calls.
            let manifest =
                service(&format!("s{file}{number:02}"), "api:1.0", "").replace("fixed: 2", "fixed: 0");
            writeln!(text, "---{manifest}").unwrap();
        }
        stage.write(&format!("services-{file}.yaml"), &text);
    }
    // Registrations go at one a second: not what is looked at here.
    let running = stage.start_as(Dependencies { limits: Limits::none(), ..stage.part() });
    pass(Duration::from_mins(2)).await;
    running.stop().await.unwrap();
    assert_eq!(stage.revisions("s999").await, 1, "all of them were made");

    let running = stage.start();
    pass(Duration::from_secs(150)).await;
    stage.local.clear_requests();
    pass(stage.settings.sweep_interval).await;
    let calls: Vec<_> = stage.local.requests().iter().map(|request| request.operation).collect();
    assert!(calls.len() >= 99, "a pass happened: {}", calls.len());
    assert!(calls.len() <= 101, "{} calls", calls.len());
    assert!(calls.iter().all(|&operation| operation == "DescribeServices"), "{calls:?}");
    assert!(stage.writes().is_empty());
    running.stop().await.unwrap();
}
