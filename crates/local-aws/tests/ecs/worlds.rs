//! Many accounts and regions in one server.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use coxswain_ecs_shapes::{ecs, ssm};
use coxswain_local_aws::{Config, LocalAws};
use http::Request;
use serde_json::{Value, json};

use crate::lab::{Lab, create_request};

/// Who asks: an access key, a region, and a session's token.
type Signer<'a> = (&'a str, &'a str, Option<&'a str>);

const HOME: Signer<'_> = ("AKIAIOSFODNN7EXAMPLE", "us-east-1", None);
const OTHER_ACCOUNT: Signer<'_> = ("444455556666", "us-east-1", None);
const OTHER_REGION: Signer<'_> = ("AKIAIOSFODNN7EXAMPLE", "eu-west-1", None);

fn signed((key, region, token): Signer<'_>, service: &str) -> http::request::Builder {
    let scope = format!("{key}/20261118/{region}/{service}/aws4_request");
    let header = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let request = Request::post("/").header("authorization", header);
    match token {
        Some(token) => request.header("x-amz-security-token", token),
        None => request,
    }
}

async fn ask(local: &LocalAws, signer: Signer<'_>, operation: &str, body: Value) -> Value {
    let api = if ecs().operation(operation).is_some() { ecs() } else { ssm() };
    let target = format!("{}.{operation}", api.target_prefix);
    let request = signed(signer, api.service).header("x-amz-target", target).body(body.to_string().into());
    let answer = local.handle(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{operation}: {:?}", answer.body());
    serde_json::from_slice(answer.body()).unwrap()
}

async fn sts(lab: &Lab, signer: Signer<'_>, action: &str) -> String {
    let body = Bytes::from(format!("Action={action}&Version=2011-06-15"));
    let form =
        signed(signer, "sts").header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let answer = lab.local.handle(form.body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{answer:?}");
    String::from_utf8(answer.body().to_vec()).unwrap()
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let from = text.split_once(&format!("<{tag}>")).unwrap().1;
    from.split_once(&format!("</{tag}>")).unwrap().0
}

/// A service of two tasks in the cluster `main` of a world; says the ARNs of its tasks once they run.
async fn serve(lab: &Lab, signer: Signer<'_>) -> Vec<String> {
    ask(&lab.local, signer, "CreateCluster", json!({"clusterName": "main"})).await;
    let definition = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "web", "image": "web:1"}],
    });
    let registered = ask(&lab.local, signer, "RegisterTaskDefinition", definition).await;
    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap();
    ask(&lab.local, signer, "CreateService", create_request(arn, 2, json!({}))).await;
    lab.pass(Duration::from_mins(1)).await;
    running(lab, signer).await
}

async fn running(lab: &Lab, signer: Signer<'_>) -> Vec<String> {
    list(&lab.local, signer, "RUNNING").await
}

async fn list(local: &LocalAws, signer: Signer<'_>, status: &str) -> Vec<String> {
    let listed = ask(local, signer, "ListTasks", json!({"cluster": "main", "desiredStatus": status})).await;
    listed["taskArns"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_account_and_region_has_an_ecs_and_parameters_of_its_own() {
    let lab = Lab::start().await;
    for (signer, place) in [
        (HOME, "us-east-1:123456789012"),
        (OTHER_ACCOUNT, "us-east-1:444455556666"),
        (OTHER_REGION, "eu-west-1:123456789012"),
    ] {
        let tasks = serve(&lab, signer).await;
        assert_eq!(tasks.len(), 2, "{place}");
        assert!(
            tasks.iter().all(|arn| arn.starts_with(&format!("arn:aws:ecs:{place}:task/main/"))),
            "{tasks:?}"
        );
        let put = json!({"Name": "/where", "Value": place, "Type": "String"});
        ask(&lab.local, signer, "PutParameter", put).await;
    }
    for (signer, place) in [(HOME, "us-east-1:123456789012"), (OTHER_REGION, "eu-west-1:123456789012")] {
        let got = ask(&lab.local, signer, "GetParameter", json!({"Name": "/where"})).await;
        assert_eq!(got["Parameter"]["Value"], place);
    }
    let started = lab.driver.started();
    let addresses: BTreeSet<_> = started.iter().map(|task| task.address).collect();
    assert_eq!((started.len(), addresses.len()), (6, 6), "one machine, one address for each task");
    let recorded = lab.local.requests();
    let last = recorded.last().unwrap();
    assert_eq!((last.account.as_str(), last.region.as_str()), ("123456789012", "eu-west-1"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_is_replaced_in_its_own_world() {
    let lab = Lab::start().await;
    let here = serve(&lab, HOME).await;
    let there = serve(&lab, OTHER_ACCOUNT).await;
    let id = there[0].rsplit('/').next().unwrap();
    lab.driver.exit(id, "web", 1);
    lab.pass(Duration::from_mins(1)).await;
    assert_eq!(running(&lab, HOME).await, here);
    let now = running(&lab, OTHER_ACCOUNT).await;
    assert_eq!(now.len(), 2);
    assert!(!now.contains(&there[0]), "{now:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_of_the_account_that_it_was_mapped_to() {
    let access_keys = BTreeMap::from([("AKIAPARTNER".to_owned(), "777788889999".to_owned())]);
    let lab = Lab::with(Config { access_keys, ..Config::default() }).await;
    let told = sts(&lab, ("AKIAPARTNER", "eu-west-1", None), "GetCallerIdentity").await;
    assert_eq!(between(&told, "Account"), "777788889999");
    let told = sts(&lab, HOME, "GetCallerIdentity").await;
    assert_eq!(between(&told, "Arn"), "arn:aws:iam::123456789012:root");
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_on_a_role_asks_in_the_roles_account() {
    let lab = Lab::start().await;
    serve(&lab, OTHER_ACCOUNT).await;
    let role = "arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fdeploy";
    let assumed = sts(&lab, HOME, &format!("AssumeRole&RoleArn={role}&RoleSessionName=replica")).await;
    let signer = (between(&assumed, "AccessKeyId"), "us-east-1", Some(between(&assumed, "SessionToken")));
    assert_eq!(running(&lab, signer).await.len(), 2);
    assert_eq!(running(&lab, HOME).await, [""; 0], "not where its own keys are of");
    let told = sts(&lab, signer, "GetCallerIdentity").await;
    assert_eq!(between(&told, "Arn"), "arn:aws:sts::444455556666:assumed-role/deploy/replica");
}

#[tokio::test(start_paused = true)]
async fn a_lost_zone_is_lost_to_every_account_of_its_region_and_to_those_that_come_later() {
    let lab = Lab::start().await;
    ask(&lab.local, OTHER_ACCOUNT, "ListClusters", json!({})).await;
    let (status, _) = lab.local_api("POST", "/zones", r#"{"name": "us-east-1a", "state": "LOST"}"#).await;
    assert_eq!(status, 200);
    for account in ["123456789012", "444455556666", "999900001111"] {
        let (_, zones) = lab.local_api("GET", &format!("/zones?account={account}"), "").await;
        assert_eq!(zones["zones"][0], json!({"name": "us-east-1a", "state": "LOST"}), "{account}");
    }
    let (_, zones) = lab.local_api("GET", "/zones?region=eu-west-1", "").await;
    assert_eq!(zones["zones"][0], json!({"name": "eu-west-1a", "state": "OK"}));
    let (status, told) = lab.local_api("GET", "/zones?planet=mars", "").await;
    assert!(status == 400 && told["message"].as_str().unwrap().contains("account and region"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn alarms_are_of_one_account_and_region() {
    let lab = Lab::start().await;
    lab.local_api("POST", "/alarms?account=444455556666", r#"{"name": "errors", "state": "ALARM"}"#).await;
    assert_eq!(lab.local_api("GET", "/alarms?account=444455556666", "").await.1["alarms"], json!(["errors"]));
    assert_eq!(lab.local_api("GET", "/alarms", "").await.1["alarms"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn every_task_is_stopped_at_the_end_whichever_world_it_is_in() {
    let lab = Lab::start().await;
    serve(&lab, HOME).await;
    serve(&lab, OTHER_REGION).await;
    let local = lab.shut_down().await;
    for signer in [HOME, OTHER_REGION] {
        assert_eq!(list(&local, signer, "RUNNING").await, [""; 0]);
        assert_eq!(list(&local, signer, "STOPPED").await.len(), 2);
    }
}
