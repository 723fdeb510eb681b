//! What AWS leaves unsettled, under both settings: what must hold whatever is true.

use std::time::Duration;

use coxswain_local_aws::{Config, Script, Switches, Timing};
use serde_json::json;

use crate::lab::{Lab, breaker, create_request};

fn every_setting() -> Vec<Switches> {
    let usual = Switches::default();
    vec![
        usual,
        Switches { identical_update_deploys: !usual.identical_update_deploys, ..usual },
        Switches { abort_stops: !usual.abort_stops, ..usual },
        Switches { breaker_watches_every_strategy: !usual.breaker_watches_every_strategy, ..usual },
        Switches { breaker_counts_a_batch_once: !usual.breaker_counts_a_batch_once, ..usual },
        Switches { permutes_lists: !usual.permutes_lists, ..usual },
        Switches { first_deployment_bakes: !usual.first_deployment_bakes, ..usual },
        Switches { shows_pre_production_stage: !usual.shows_pre_production_stage, ..usual },
    ]
}

async fn with(switches: Switches) -> Lab {
    Lab::with(Config { switches, ..Config::default() }).await
}

#[tokio::test(start_paused = true)]
async fn a_service_s_life_ends_the_same_under_every_setting() {
    for switches in every_setting() {
        let lab = with(switches).await;
        let good = lab.steady(3, breaker(true)).await;
        lab.script("web:bad", Script::exits(Duration::from_secs(1), 1));
        let bad = lab.register("web:bad").await;
        lab.update(json!({"taskDefinition": bad})).await;
        assert_eq!(lab.until_over().await["status"], "ROLLBACK_SUCCESSFUL", "{switches:?}");
        assert_eq!(lab.service().await["taskDefinition"], good.as_str(), "{switches:?}");
        let next = lab.register("web:2").await;
        lab.update(json!({"taskDefinition": next, "desiredCount": 2})).await;
        assert_eq!(lab.until_over().await["status"], "SUCCESSFUL", "{switches:?}");
        let blue_green = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1});
        lab.update(json!({"forceNewDeployment": true, "deploymentConfiguration": blue_green})).await;
        assert_eq!(lab.until_over().await["status"], "SUCCESSFUL", "{switches:?}");
        let service = lab.service().await;
        assert_eq!(
            (&service["runningCount"], &service["pendingCount"]),
            (&json!(2), &json!(0)),
            "{switches:?}"
        );
        lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
        lab.until("is INACTIVE", |service| service["status"] == "INACTIVE").await;
        lab.call("CreateService", create_request(&next, 1, json!({}))).await;
        lab.until_stable().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whether_failures_at_one_time_count_once_decides_how_many_trip_the_breaker() {
    for (counts_once, tasks) in [(false, 6), (true, 15)] {
        let switches = Switches { breaker_counts_a_batch_once: counts_once, ..Switches::default() };
        let lab = with(switches).await;
        lab.script("web:bad", Script::exits(Duration::from_secs(1), 1));
        let bad = lab.register("web:bad").await;
        // Half of five, rounded up, is three failures.
        lab.create(&bad, 5, breaker(false)).await;
        lab.until_over().await;
        lab.pass(Duration::from_mins(10)).await;
        let started = lab.driver.started().len();
        assert!(started >= tasks - 1 && started <= tasks + 4, "{counts_once}: {started}");
        assert_eq!(lab.primary().await["rolloutState"], "FAILED");
    }
}

#[tokio::test(start_paused = true)]
async fn whether_lists_are_permuted_shows_in_what_is_described_and_changes_nothing() {
    for permutes in [false, true] {
        let lab = with(Switches { permutes_lists: permutes, ..Switches::default() }).await;
        let environment = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]);
        let arn = lab
            .register_container(json!({"name": "web", "image": "web:1", "environment": environment}))
            .await;
        let described = lab.call("DescribeTaskDefinition", json!({"taskDefinition": arn})).await;
        let first = described["taskDefinition"]["containerDefinitions"][0]["environment"][0]["name"].clone();
        assert_eq!(first, if permutes { "B" } else { "A" });
        lab.create(&arn, 1, json!({})).await;
        lab.until_stable().await;
        let environment = &lab.driver.started()[0].containers[0].environment;
        assert_eq!(environment.get("A").map(String::as_str), Some("1"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_inactive_service_may_be_missing_right_after_it_drained() {
    let timing = Timing { inactive_kept: Duration::ZERO, ..Timing::default() };
    let lab = Lab::with(Config { timing, ..Config::default() }).await;
    lab.steady(1, json!({})).await;
    lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
    assert_eq!(lab.service().await["status"], "DRAINING");
    lab.pass(Duration::from_mins(1)).await;
    let body = json!({"cluster": "main", "services": ["web"]});
    let answer = lab.call("DescribeServices", body).await;
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let (code, _) = lab.refused("UpdateService", json!({"cluster": "main", "service": "web"})).await;
    assert_eq!(code, "ServiceNotFoundException");
}
