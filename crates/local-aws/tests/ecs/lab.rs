//! A local ECS to try things on: virtual time, scripted tasks, and every answer held to the table.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use coxswain_ecs_shapes::{Reading, check, cloud_map, ecs};
use coxswain_local_aws::{Clock, Config, LocalAws, Script, ScriptedDriver, Time, Timing, TokioClock};
use http::Request;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// The healthy-after of services without a health check.
pub(crate) const SETTLED: Duration = Duration::from_secs(40);

/// A running local ECS.
pub(crate) struct Lab {
    pub(crate) local: Arc<LocalAws>,
    pub(crate) driver: Arc<ScriptedDriver>,
    pub(crate) clock: Arc<TokioClock>,
    shutdown: DropGuard,
    tracker: TaskTracker,
}

impl Lab {
    /// An ECS in which there is the cluster `main`.
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let clock = Arc::new(TokioClock::starting_at(Time::from_millis(1_795_000_000_000)));
        let (sender, events) = unbounded_channel();
        let driver = ScriptedDriver::new(sender, Arc::clone(&clock) as Arc<dyn Clock>);
        let config = Config { seed: Some(7), requests_kept: 100_000, ..config };
        let local = LocalAws::new(config, Arc::clone(&clock) as _, Arc::clone(&driver) as _, events);
        let local = Arc::new(local);
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        let (running, token) = (Arc::clone(&local), shutdown.clone());
        tracker.spawn(async move { running.run(token).await });
        let lab = Self { local, driver, clock, shutdown: shutdown.drop_guard(), tracker };
        lab.call("CreateCluster", json!({"clusterName": "main"})).await;
        lab
    }

    /// Ends the local ECS's loop and waits until it has returned; says what is left of it.
    pub(crate) async fn shut_down(self) -> Arc<LocalAws> {
        self.shutdown.disarm().cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.local
    }

    /// Sends a request; says the status and the body.
    pub(crate) async fn send(&self, target: &str, body: impl Into<Bytes>) -> (u16, Value) {
        let request = Request::post("/").header("x-amz-target", target).body(body.into()).unwrap();
        let answer = self.local.handle(request).await.unwrap();
        let body = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), body)
    }

    /// Asks the part of the wire that AWS does not have; says the status and the body.
    pub(crate) async fn local_api(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/_local{path}"));
        let answer = self.local.handle(request.body(body.to_owned().into()).unwrap()).await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    async fn ecs(&self, operation: &str, body: &Value) -> (u16, Value) {
        self.send(&format!("{}.{operation}", ecs().target_prefix), body.to_string()).await
    }

    /// Calls an operation that answers, and holds the answer to the table.
    pub(crate) async fn call(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.ecs(operation, &body).await;
        assert_eq!(status, 200, "{operation} {body}: {answer}");
        let shape = ecs().operation(operation).unwrap().output;
        check(shape, &answer, Reading::Wire, &mut |violation| {
            panic!("{operation} answers {}: {:?}", violation.path, violation.problem)
        });
        answer
    }

    /// Calls an operation of Cloud Map that answers, and holds the answer to the table.
    pub(crate) async fn map(&self, operation: &str, body: Value) -> Value {
        let (status, answer) =
            self.send(&format!("{}.{operation}", cloud_map().target_prefix), body.to_string()).await;
        assert_eq!(status, 200, "{operation} {body}: {answer}");
        let shape = cloud_map().operation(operation).unwrap().output;
        check(shape, &answer, Reading::Wire, &mut |violation| {
            panic!("{operation} answers {}: {:?}", violation.path, violation.problem)
        });
        answer
    }

    /// A service `web` in a new private namespace `example.internal`, with those members; says its ARN.
    pub(crate) async fn registry(&self, more: Value) -> String {
        self.map("CreatePrivateDnsNamespace", json!({"Name": "example.internal", "Vpc": "vpc-1"})).await;
        // More than any test lets an operation take.
        self.pass(Duration::from_secs(10)).await;
        let listed = self.map("ListNamespaces", json!({})).await;
        let body = with(json!({"Name": "web", "NamespaceId": listed["Namespaces"][0]["Id"]}), more);
        let service = self.map("CreateService", body).await;
        service["Service"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Calls an operation that refuses; says code and message.
    pub(crate) async fn refused(&self, operation: &str, body: Value) -> (String, String) {
        let (status, answer) = self.ecs(operation, &body).await;
        assert_eq!(status, 400, "{operation} {body}: {answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("__type"), text("message"))
    }

    /// Registers `web` with one container of that image; says the ARN.
    pub(crate) async fn register(&self, image: &str) -> String {
        self.register_container(json!({"name": "web", "image": image})).await
    }

    /// Registers `web` with one container that has a health check; says the ARN.
    pub(crate) async fn register_checked(&self, image: &str) -> String {
        let check = json!({"command": ["CMD", "true"], "interval": 5, "retries": 2});
        self.register_container(json!({"name": "web", "image": image, "healthCheck": check})).await
    }

    pub(crate) async fn register_container(&self, container: Value) -> String {
        let body = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "containerDefinitions": [container],
        });
        let answer = self.call("RegisterTaskDefinition", body).await;
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    /// Creates the service `web`, with `more` members; says it.
    pub(crate) async fn create(&self, task_definition: &str, desired: u64, more: Value) -> Value {
        let body = create_request(task_definition, desired, more);
        self.call("CreateService", body).await["service"].take()
    }

    /// A service that runs `web:good` and is steady; says its ARN of the task definition.
    pub(crate) async fn steady(&self, desired: u64, more: Value) -> String {
        let arn = self.register("web:good").await;
        self.create(&arn, desired, more).await;
        self.until_stable().await;
        arn
    }

    /// Updates `web` with these members; says it.
    pub(crate) async fn update(&self, members: Value) -> Value {
        let body = with(json!({"cluster": "main", "service": "web"}), members);
        self.call("UpdateService", body).await["service"].take()
    }

    /// The service `web`.
    pub(crate) async fn service(&self) -> Value {
        let body = json!({"cluster": "main", "services": ["web"], "include": ["TAGS"]});
        self.call("DescribeServices", body).await["services"][0].take()
    }

    /// The PRIMARY deployment of `web`.
    pub(crate) async fn primary(&self) -> Value {
        self.service().await["deployments"][0].take()
    }

    /// The service deployments of `web`, newest first.
    pub(crate) async fn service_deployments(&self) -> Vec<Value> {
        let body = json!({"cluster": "main", "service": "web"});
        let listed = self.call("ListServiceDeployments", body).await;
        let arns: Vec<Value> = listed["serviceDeployments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|brief| brief["serviceDeploymentArn"].clone())
            .collect();
        let body = json!({"serviceDeploymentArns": arns});
        let mut described = self.call("DescribeServiceDeployments", body).await;
        described["serviceDeployments"].as_array_mut().unwrap().drain(..).collect()
    }

    /// The newest service deployment of `web`.
    pub(crate) async fn newest_deployment(&self) -> Value {
        self.service_deployments().await.swap_remove(0)
    }

    /// Lets time pass until the newest service deployment is in this stage; says it.
    pub(crate) async fn until_stage(&self, stage: &str) -> Value {
        self.until_deployment(|deployment| deployment["lifecycleStage"] == stage).await
    }

    /// Lets time pass until the newest service deployment is over; says it.
    pub(crate) async fn until_over(&self) -> Value {
        self.until_deployment(|deployment| deployment.get("finishedAt").is_some()).await
    }

    /// Lets time pass, up to two days, until the newest service deployment is as wanted; says it.
    pub(crate) async fn until_deployment(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = self.clock.now();
        loop {
            let deployment = self.newest_deployment().await;
            if wanted(&deployment) {
                return deployment;
            }
            let passed = self.clock.now().since(started);
            assert!(passed < Duration::from_hours(48), "it never came: {deployment:#}");
            // Short at first, so that no stage is missed.
            self.pass(Duration::from_millis(200).max(passed / 50)).await;
        }
    }

    /// The tasks of `web`, running or stopped.
    pub(crate) async fn tasks(&self, desired_status: &str) -> Vec<Value> {
        let body = json!({"cluster": "main", "serviceName": "web", "desiredStatus": desired_status});
        let listed = self.call("ListTasks", body).await;
        let arns = listed["taskArns"].as_array().unwrap();
        if arns.is_empty() {
            return Vec::new();
        }
        let mut described = self.call("DescribeTasks", json!({"cluster": "main", "tasks": arns})).await;
        described["tasks"].as_array_mut().unwrap().drain(..).collect()
    }

    /// The events of `web`, oldest first, ids and numbers taken out.
    pub(crate) async fn events(&self) -> Vec<String> {
        let service = self.service().await;
        let events = service["events"].as_array().unwrap();
        events.iter().rev().map(|event| without_ids(event["message"].as_str().unwrap())).collect()
    }

    /// Lets virtual time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets time pass until the service is stable, as the SDKs' waiters judge it.
    pub(crate) async fn until_stable(&self) {
        self.until("is stable", |service| {
            service["deployments"].as_array().unwrap().len() == 1
                && service["runningCount"] == service["desiredCount"]
                && service["deployments"][0]["rolloutState"] == "COMPLETED"
        })
        .await;
    }

    /// Lets time pass, up to an hour, until the service is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = self.clock.now();
        loop {
            let service = self.service().await;
            if wanted(&service) {
                return service;
            }
            assert!(
                self.clock.now().since(started) < Duration::from_hours(1),
                "the service never {what}: {service:#}"
            );
            self.pass(Duration::from_millis(500)).await;
        }
    }

    /// Lets containers of that image do this.
    pub(crate) fn script(&self, image: &str, script: Script) {
        self.driver.script(image, script);
    }
}

/// CreateService's request for the service `web`, with `more` members.
pub(crate) fn create_request(task_definition: &str, desired: u64, more: Value) -> Value {
    let body = json!({
        "cluster": "main", "serviceName": "web", "taskDefinition": task_definition,
        "desiredCount": desired, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    });
    with(body, more)
}

/// An object with more members.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("members are an object") };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// The breaker, on, with or without rollback.
pub(crate) fn breaker(rollback: bool) -> Value {
    json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": rollback}}})
}

/// Timing in which provisioning is instant, so that times in a test are the script's alone.
pub(crate) fn instant() -> Config {
    let timing = Timing { provisioning: Duration::ZERO, deprovisioning: Duration::ZERO, ..Timing::default() };
    Config { timing, ..Config::default() }
}

/// A message without what differs from run to run.
pub(crate) fn without_ids(message: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches([')', '.', ',']);
        let rest = &word[bare.len()..];
        if bare.len() == 32 && bare.chars().all(|letter| letter.is_ascii_hexdigit()) {
            format!("ID{rest}")
        } else if bare.starts_with("ecs-svc/") {
            format!("ecs-svc/N{rest}")
        } else {
            word.to_owned()
        }
    };
    message.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
