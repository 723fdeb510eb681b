//! Services behind load balancers, in virtual time: targets are as a script says.

use std::{net::IpAddr, time::Duration};

use http::{Request, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::lab::{Lab, create_request};

/// A load balancer with a listener, and target groups of the names `blue` and `green`.
struct Site {
    blue: String,
    green: String,
    rule: String,
}

/// Asks ELB; says the answer as it is.
async fn elb(lab: &Lab, operation: &str, parameters: &[(&str, &str)]) -> String {
    let form: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let body = format!("Action={operation}&Version=2015-12-01&{}", form.join("&"));
    let request = Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = lab.local.handle(request.body(body.into()).unwrap()).await.unwrap();
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    assert_eq!(answer.status(), 200, "{operation}: {text}");
    text
}

/// What is in the first element of that name.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split('<').next().unwrap().to_owned()
}

async fn group(lab: &Lab, name: &str) -> String {
    let parameters =
        [("Name", name), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", "vpc-1"), ("TargetType", "ip")];
    let arn = element(&elb(lab, "CreateTargetGroup", &parameters).await, "TargetGroupArn");
    let delay = [
        ("TargetGroupArn", arn.as_str()),
        ("Attributes.member.1.Key", "deregistration_delay.timeout_seconds"),
        ("Attributes.member.1.Value", "60"),
    ];
    elb(lab, "ModifyTargetGroupAttributes", &delay).await;
    arn
}

async fn site(lab: &Lab) -> Site {
    let parameters = [("Name", "web"), ("Subnets.member.1", "subnet-1"), ("Subnets.member.2", "subnet-2")];
    let balancer = element(&elb(lab, "CreateLoadBalancer", &parameters).await, "LoadBalancerArn");
    let (blue, green) = (group(lab, "blue").await, group(lab, "green").await);
    let parameters = [
        ("LoadBalancerArn", balancer.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "404"),
    ];
    let listener = element(&elb(lab, "CreateListener", &parameters).await, "ListenerArn");
    let forward = |place: usize| format!("Actions.member.1.ForwardConfig.TargetGroups.member.{place}.");
    let names = [1, 2]
        .map(|place| (format!("{}TargetGroupArn", forward(place)), format!("{}Weight", forward(place))));
    let parameters = [
        ("ListenerArn", listener.as_str()),
        ("Priority", "1"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/*"),
        ("Actions.member.1.Type", "forward"),
        (&names[0].0, &blue),
        (&names[0].1, "1"),
        (&names[1].0, &green),
        (&names[1].1, "0"),
    ];
    let rule = element(&elb(lab, "CreateRule", &parameters).await, "RuleArn");
    Site { blue, green, rule }
}

/// State and address of each target.
async fn targets(lab: &Lab, group: &str) -> Vec<(String, String)> {
    let xml = elb(lab, "DescribeTargetHealth", &[("TargetGroupArn", group)]).await;
    let mut found: Vec<(String, String)> = xml
        .split("</TargetHealth>")
        .filter(|part| part.contains("<State>"))
        .map(|part| (element(part, "State"), element(part, "Id")))
        .collect();
    found.sort();
    found
}

async fn states(lab: &Lab, group: &str) -> Vec<String> {
    targets(lab, group).await.into_iter().map(|(state, _)| state).collect()
}

fn behind(group: &str) -> Value {
    json!({"loadBalancers": [{"targetGroupArn": group, "containerName": "web", "containerPort": 80}]})
}

async fn register(lab: &Lab, image: &str) -> String {
    let container = json!({"name": "web", "image": image, "portMappings": [{"containerPort": 80}]});
    lab.register_container(container).await
}

/// Lets time pass, up to an hour, until it is so.
async fn until(lab: &Lab, what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..7_200 {
        if is_so().await {
            return;
        }
        lab.pass(Duration::from_millis(500)).await;
    }
    panic!("it never came that {what}");
}

/// The service's events, oldest first, without ids of tasks and deployments.
async fn events(lab: &Lab) -> Vec<String> {
    let service = lab.service().await;
    let events = service["events"].as_array().unwrap().iter().rev();
    events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_target_group_no_listener_uses_is_refused() {
    let lab = Lab::start().await;
    let lonely = group(&lab, "lonely").await;
    let arn = register(&lab, "web:good").await;
    let (code, message) = lab.refused("CreateService", create_request(&arn, 1, behind(&lonely))).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        format!("The target group with targetGroupArn {lonely} does not have an associated load balancer.")
    );
    let missing = lonely.replace("lonely", "other");
    let (code, _) = lab.refused("CreateService", create_request(&arn, 1, behind(&missing))).await;
    assert_eq!(code, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn tasks_are_targets_while_they_run_and_are_drained_before_they_are_stopped() {
    let lab = Lab::start().await;
    let site = site(&lab).await;
    let first = register(&lab, "web:good").await;
    lab.create(&first, 2, behind(&site.blue)).await;
    lab.until_stable().await;
    assert_eq!(states(&lab, &site.blue).await, ["healthy", "healthy"]);
    let old = targets(&lab, &site.blue).await;

    let second = register(&lab, "web:2").await;
    lab.update(json!({"taskDefinition": second})).await;
    until(&lab, "the old tasks are drained", async || {
        states(&lab, &site.blue).await.iter().filter(|state| *state == "draining").count() == 2
    })
    .await;
    let statuses: Vec<Value> =
        lab.tasks("STOPPED").await.iter().map(|task| task["lastStatus"].clone()).collect();
    assert_eq!(statuses, ["DEACTIVATING", "DEACTIVATING"], "no SIGTERM before the delay is over");
    lab.until_stable().await;
    let new = targets(&lab, &site.blue).await;
    assert_eq!(new.iter().map(|(state, _)| state.as_str()).collect::<Vec<_>>(), ["healthy", "healthy"]);
    assert!(new.iter().all(|(_, address)| old.iter().all(|(_, other)| other != address)));
    let said = events(&lab).await;
    let group = &site.blue;
    for (text, count) in [
        (format!("(service web) registered 1 targets in (target-group {group})"), 4),
        (format!("(service web) deregistered 2 targets in (target-group {group})"), 1),
        ("has begun draining connections on 2 tasks.".to_owned(), 1),
    ] {
        assert_eq!(said.iter().filter(|event| event.contains(&text)).count(), count, "{text}: {said:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_its_target_group_finds_unhealthy_is_replaced() {
    let lab = Lab::start().await;
    let site = site(&lab).await;
    let arn = register(&lab, "web:good").await;
    lab.create(&arn, 1, behind(&site.blue)).await;
    lab.until_stable().await;
    let address: IpAddr = targets(&lab, &site.blue).await[0].1.parse().unwrap();
    lab.local.set_target_health(address, false);
    until(&lab, "another task serves alone", async || {
        let targets = targets(&lab, &site.blue).await;
        targets.len() == 1 && targets[0].0 == "healthy" && targets[0].1 != address.to_string()
    })
    .await;
    let stopped = lab.tasks("STOPPED").await;
    let group = &site.blue;
    assert_eq!(
        stopped[0]["stoppedReason"],
        format!("Task failed ELB health checks in (target-group {group})")
    );
    let end =
        format!("(port 80) is unhealthy in (target-group {group}) due to (reason Health checks failed)");
    assert!(events(&lab).await.iter().any(|event| event.ends_with(&end)), "{:#?}", events(&lab).await);
}

#[tokio::test(start_paused = true)]
async fn within_its_grace_period_a_task_may_be_unhealthy() {
    let lab = Lab::start().await;
    let site = site(&lab).await;
    let arn = register(&lab, "web:good").await;
    let mut more = behind(&site.blue);
    more["healthCheckGracePeriodSeconds"] = json!(300);
    lab.create(&arn, 1, more).await;
    lab.until_stable().await;
    let address = targets(&lab, &site.blue).await[0].1.clone();
    lab.local.set_target_health(address.parse().unwrap(), false);
    lab.pass(Duration::from_mins(4)).await;
    assert_eq!(targets(&lab, &site.blue).await, [("unhealthy".to_owned(), address.clone())]);
    lab.pass(Duration::from_mins(4)).await;
    assert!(targets(&lab, &site.blue).await.iter().all(|(_, other)| *other != address));
}

#[tokio::test(start_paused = true)]
async fn a_shift_of_traffic_moves_the_weights_of_the_rule() {
    let lab = Lab::start().await;
    let site = site(&lab).await;
    let mut more = behind(&site.blue);
    more["loadBalancers"][0]["advancedConfiguration"] = json!({
        "alternateTargetGroupArn": site.green, "productionListenerRule": site.rule,
        "roleArn": "arn:aws:iam::123456789012:role/balancer",
    });
    more["deploymentConfiguration"] = json!({"strategy": "CANARY", "bakeTimeInMinutes": 5,
        "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5}});
    let first = register(&lab, "web:good").await;
    lab.create(&first, 1, more).await;
    lab.until_stable().await;
    let weights = async || {
        let xml = elb(&lab, "DescribeRules", &[("RuleArns.member.1", &site.rule)]).await;
        let weight = |group: &str| {
            let tuple = xml.split("</member>").find(|part| part.contains("<Weight>") && part.contains(group));
            tuple.map_or(0, |tuple| element(tuple, "Weight").parse::<u64>().unwrap())
        };
        (weight(&site.blue), weight(&site.green))
    };
    assert_eq!(weights().await, (100, 0));

    let second = register(&lab, "web:2").await;
    lab.update(json!({"taskDefinition": second})).await;
    lab.until_stage("PRODUCTION_TRAFFIC_SHIFT").await;
    assert_eq!(weights().await, (90, 10));
    lab.until_stage("BAKE_TIME").await;
    assert_eq!(weights().await, (0, 100));
    assert_eq!(states(&lab, &site.blue).await, ["healthy"], "blue stays through the bake");
    lab.until_stable().await;
    assert_eq!(states(&lab, &site.green).await, ["healthy"]);
    assert_eq!(weights().await, (0, 100));
}
