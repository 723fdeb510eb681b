use serde_json::{Value, json};

use super::*;
use crate::{
    clock::{Time, TokioClock},
    config::Config,
    error::ApiError,
    local::LocalAws,
    scripted::ScriptedDriver,
    validate,
};

/// An account in which operations are asked as they would be over the wire.
struct Account(LocalAws);

impl Account {
    fn new() -> Self {
        let clock = Arc::new(TokioClock::starting_at(Time::from_millis(1_700_000_000_000)));
        let (sender, events) = tokio::sync::mpsc::unbounded_channel();
        let driver = ScriptedDriver::new(sender, Arc::clone(&clock) as _);
        let config = Config { seed: Some(1), ..Config::default() };
        Self(LocalAws::new(config, clock, driver, events))
    }

    async fn ask(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        let api = coxswain_ecs_shapes::elbv2();
        let neighbour = self.0.home.neighbours.iter().find(|it| it.api().service == api.service).unwrap();
        let shape = api.operation(operation).unwrap().input;
        let request = validate::request(shape, &request, neighbour.refusal())?;
        neighbour.call(operation, &request, &crate::caller::Identity::default(), &self.0.home).await
    }

    /// What is at a JSON pointer of the answer.
    async fn get(&self, operation: &str, request: Value, pointer: &str) -> Value {
        let answer = self.ask(operation, request).await.unwrap();
        answer.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {answer}")).clone()
    }

    async fn refused(&self, operation: &str, request: Value) -> String {
        self.ask(operation, request).await.unwrap_err().code.into_owned()
    }

    async fn balancer(&self, name: &str) -> Value {
        let request = json!({"Name": name, "Subnets": ["subnet-1", "subnet-2"]});
        self.get("CreateLoadBalancer", request, "/LoadBalancers/0/LoadBalancerArn").await
    }

    async fn group(&self, name: &str) -> Value {
        let request =
            json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"});
        self.get("CreateTargetGroup", request, "/TargetGroups/0/TargetGroupArn").await
    }

    async fn listener(&self, balancer: &Value, port: u16, group: &Value) -> Value {
        let request = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]});
        self.get("CreateListener", request, "/Listeners/0/ListenerArn").await
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_is_made_once_and_goes_with_its_listeners() {
    let account = Account::new();
    let balancer = account.balancer("web").await;
    assert_eq!(account.balancer("web").await, balancer, "the same request gets the same one");
    let other = json!({"Name": "web", "Subnets": ["subnet-1", "subnet-2"], "Scheme": "internal"});
    assert_eq!(account.refused("CreateLoadBalancer", other).await, "DuplicateLoadBalancerName");
    let group = account.group("web").await;
    let listener = account.listener(&balancer, 80, &group).await;
    assert_eq!(account.refused("DeleteTargetGroup", json!({"TargetGroupArn": group})).await, "ResourceInUse");
    account.ask("DeleteLoadBalancer", json!({"LoadBalancerArn": balancer})).await.unwrap();
    let asked = json!({"ListenerArns": [listener]});
    assert_eq!(account.refused("DescribeListeners", asked).await, "ListenerNotFound");
    account.ask("DeleteTargetGroup", json!({"TargetGroupArn": group})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_load_balancer_cannot_be_is_refused() {
    let account = Account::new();
    for (request, code) in [
        (json!({"Name": "web", "Subnets": ["subnet-1"]}), "ValidationError"),
        (json!({"Name": "-web", "Subnets": ["a", "b"]}), "ValidationError"),
        (json!({"Name": "web", "Subnets": ["a", "b"], "Type": "network"}), "UnsupportedFeatureException"),
        (json!({"Name": "web", "Subnets": ["a", "b"], "Type": "boat"}), "ValidationError"),
        (json!({"Name": "web", "Subnets": ["a", "b", "c", "d"]}), "InvalidConfigurationRequest"),
    ] {
        assert_eq!(account.refused("CreateLoadBalancer", request.clone()).await, code, "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn rules_are_looked_at_by_priority_and_the_default_one_comes_last() {
    let account = Account::new();
    let (balancer, group) = (account.balancer("web").await, account.group("web").await);
    let listener = account.listener(&balancer, 80, &group).await;
    let fixed =
        |status: &str| json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}}]);
    let rule = |priority: u16, path: &str, status: &str| {
        json!({"ListenerArn": listener, "Priority": priority, "Actions": fixed(status),
            "Conditions": [{"Field": "path-pattern", "Values": [path]}]})
    };
    let wide = account.get("CreateRule", rule(20, "/*", "404"), "/Rules/0/RuleArn").await;
    account.ask("CreateRule", rule(10, "/a*", "403")).await.unwrap();
    assert_eq!(account.refused("CreateRule", rule(10, "/b", "200")).await, "PriorityInUse");
    let headers = http::HeaderMap::new();
    let status = |path: &str| {
        let asked = Asked {
            host: "example.com",
            path,
            query: "",
            method: "GET",
            headers: &headers,
            source: "192.0.2.1".parse().unwrap(),
        };
        match account.0.home.balancing.choose(listener.as_str().unwrap(), &asked) {
            Choice::Fixed(fixed) => fixed.status,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((status("/a"), status("/b")), (403, 404));
    let swap = json!({"RulePriorities": [{"RuleArn": wide, "Priority": 5}]});
    account.ask("SetRulePriorities", swap).await.unwrap();
    assert_eq!(status("/a"), 404);
    let order: Vec<Value> = account
        .get("DescribeRules", json!({"ListenerArn": listener}), "/Rules")
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["Priority"].clone())
        .collect();
    assert_eq!(order, ["5", "10", "default"]);
    let page = account.ask("DescribeRules", json!({"ListenerArn": listener, "PageSize": 2})).await.unwrap();
    let next = json!({"ListenerArn": listener, "PageSize": 2, "Marker": page["NextMarker"]});
    assert_eq!(account.get("DescribeRules", next, "/Rules/0/Priority").await, "default");
    account.ask("DeleteRule", json!({"RuleArn": wide})).await.unwrap();
    assert_eq!(account.refused("DeleteRule", json!({"RuleArn": wide})).await, "RuleNotFound");
}

#[tokio::test(start_paused = true)]
async fn a_target_group_serves_one_load_balancer() {
    let account = Account::new();
    let (one, two) = (account.balancer("one").await, account.balancer("two").await);
    let group = account.group("web").await;
    account.listener(&one, 80, &group).await;
    let request = json!({"LoadBalancerArn": two, "Protocol": "HTTP", "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]});
    assert_eq!(account.refused("CreateListener", request).await, "TargetGroupAssociationLimit");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_that_changes_nothing_would_never_end() {
    let account = Account::new();
    let balancer = account.balancer("web").await;
    let listener = |config: Value| {
        json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80,
            "DefaultActions": [{"Type": "redirect", "RedirectConfig": config}]})
    };
    let code = account.refused("CreateListener", listener(json!({"StatusCode": "HTTP_301"}))).await;
    assert_eq!(code, "InvalidLoadBalancerAction");
    let request = listener(json!({"StatusCode": "HTTP_301", "Protocol": "HTTPS", "Port": "443"}));
    let shown = account.get("CreateListener", request, "/Listeners/0/DefaultActions/0").await;
    assert_eq!(
        shown,
        json!({"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443",
            "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}", "StatusCode": "HTTP_301"}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_is_unused_then_healthy_then_drains_and_is_gone() {
    let account = Account::new();
    let (balancer, group) = (account.balancer("web").await, account.group("web").await);
    let targets = json!({"TargetGroupArn": group, "Targets": [{"Id": "192.0.2.1", "Port": 8080}]});
    let delay = json!({"TargetGroupArn": group,
        "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]});
    account.ask("ModifyTargetGroupAttributes", delay).await.unwrap();
    account.ask("RegisterTargets", targets.clone()).await.unwrap();
    let state = async || {
        let health = "/TargetHealthDescriptions/0/TargetHealth";
        let health = account.get("DescribeTargetHealth", targets.clone(), health).await;
        format!("{} {}", health["State"], health["Reason"]).replace('"', "")
    };
    assert_eq!(state().await, "unused Target.NotInUse");
    account.listener(&balancer, 80, &group).await;
    assert_eq!(state().await, "healthy null");
    account.ask("DeregisterTargets", targets.clone()).await.unwrap();
    assert_eq!(state().await, "draining Target.DeregistrationInProgress");
    tokio::time::advance(std::time::Duration::from_secs(19)).await;
    assert_eq!(state().await, "draining Target.DeregistrationInProgress");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(state().await, "unused Target.NotRegistered");
}

#[tokio::test(start_paused = true)]
async fn checks_turn_a_target_by_their_thresholds() {
    let account = Account::new();
    let (balancer, group) = (account.balancer("web").await, account.group("web").await);
    account.listener(&balancer, 80, &group).await;
    let targets = json!({"TargetGroupArn": group, "Targets": [{"Id": "192.0.2.1"}]});
    account.ask("RegisterTargets", targets.clone()).await.unwrap();
    account.0.common.is_balanced.store(true, std::sync::atomic::Ordering::Relaxed);
    let key = TargetKey {
        group: group.as_str().unwrap().to_owned(),
        address: "192.0.2.1".parse().unwrap(),
        port: 80,
    };
    let state = || account.0.home.balancing.health(&key).unwrap();
    let check = |status: u16| {
        let outcome = account.0.home.balancing.judge(&key, Ok(status));
        account.0.home.balancing.checked(&key, outcome);
    };
    assert_eq!(state(), TargetState::Initial);
    check(503);
    assert_eq!(state(), TargetState::Initial, "one failure of two");
    check(503);
    assert_eq!(state(), TargetState::Unhealthy(CheckOutcome::WrongCode(503)));
    for _ in 0..4 {
        check(200);
    }
    assert_eq!(state(), TargetState::Unhealthy(CheckOutcome::WrongCode(503)), "four good ones of five");
    check(200);
    assert_eq!(state(), TargetState::Healthy);
    check(503);
    check(200);
    check(503);
    assert_eq!(state(), TargetState::Healthy, "failures in a row count");
    assert_eq!(account.0.home.balancing.take_turned().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn attributes_that_would_not_do_what_they_say_are_refused() {
    let account = Account::new();
    let group = account.group("web").await;
    let set = |key: &str, value: &str| json!({"TargetGroupArn": group, "Attributes": [{"Key": key, "Value": value}]});
    for (key, value, code) in [
        ("stickiness.enabled", "true", "UnsupportedFeatureException"),
        ("stickiness.enabled", "maybe", "InvalidConfigurationRequest"),
        ("deregistration_delay.timeout_seconds", "3601", "InvalidConfigurationRequest"),
        ("speed", "1", "InvalidConfigurationRequest"),
    ] {
        assert_eq!(account.refused("ModifyTargetGroupAttributes", set(key, value)).await, code, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_https_listener_needs_a_certificate_that_is_there() {
    let account = Account::new();
    let balancer = account.balancer("web").await;
    let listener = |certificates: Value| {
        json!({"LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 443, "Certificates": certificates,
            "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]})
    };
    assert_eq!(account.refused("CreateListener", listener(json!([]))).await, "ValidationError");
    let unknown = listener(json!([{"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/x"}]));
    assert_eq!(account.refused("CreateListener", unknown).await, "CertificateNotFound");
}

#[tokio::test(start_paused = true)]
async fn tags_are_kept_on_everything() {
    let account = Account::new();
    let (balancer, group) = (account.balancer("web").await, account.group("web").await);
    let listener = account.listener(&balancer, 80, &group).await;
    let arns = json!([balancer, group, listener]);
    let add = json!({"ResourceArns": arns, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]});
    account.ask("AddTags", add).await.unwrap();
    account.ask("RemoveTags", json!({"ResourceArns": arns, "TagKeys": ["a"]})).await.unwrap();
    for place in 0..3 {
        let pointer = format!("/TagDescriptions/{place}/Tags");
        let tags = account.get("DescribeTags", json!({"ResourceArns": arns}), &pointer).await;
        assert_eq!(tags, json!([{"Key": "b", "Value": "2"}]));
    }
    let unknown = json!({"ResourceArns": [group, "arn:aws:elasticloadbalancing:x:y:targetgroup/no/1"],
        "Tags": [{"Key": "c", "Value": "3"}]});
    assert_eq!(account.refused("AddTags", unknown).await, "TargetGroupNotFound");
    let tags = account.get("DescribeTags", json!({"ResourceArns": [group]}), "/TagDescriptions/0/Tags").await;
    assert_eq!(tags, json!([{"Key": "b", "Value": "2"}]), "all or nothing");
}
