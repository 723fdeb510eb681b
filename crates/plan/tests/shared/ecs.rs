//! A tiny ECS, pure: revisions, one service, rolling deployments with the circuit breaker.
//!
//! A deployment of an image that ends in `crash` fails, any other succeeds, each at the second tick.

use std::collections::BTreeMap;

use coxswain_plan::{Identity, Live, LiveTaskDefinition, Observed, ServiceDeployment, Step, StepAnswer};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The members whose change starts a deployment.
const TRIGGERS: &[&str] = &["networkConfiguration", "platformVersion", "capacityProviderStrategy"];

/// ECS refuses a call, without effect.
#[derive(Debug)]
pub(crate) struct Refused;

#[derive(Clone, Default)]
pub(crate) struct Ecs {
    /// DescribeTaskDefinition's answers.
    revisions: Vec<Value>,
    service: Option<Service>,
    /// DescribeServiceDeployments' answers, oldest first.
    listed: Vec<Value>,
    /// Deployments that anybody started.
    pub(crate) started: usize,
}

#[derive(Clone)]
struct Service {
    created_at: Timestamp,
    members: Map<String, Value>,
    task_definition: String,
    count: u64,
    tags: BTreeMap<String, String>,
    /// PRIMARY first.
    deployments: Vec<Deployment>,
    last_completed: Option<Deployment>,
}

#[derive(Clone)]
struct Deployment {
    number: usize,
    members: Map<String, Value>,
    task_definition: String,
    state: &'static str,
    reason: String,
    created_at: Timestamp,
}

impl Ecs {
    /// Carries a step out.
    pub(crate) fn call(
        &mut self,
        step: &Step,
        revision: Option<&str>,
        now: Timestamp,
    ) -> Result<StepAnswer, Refused> {
        match step {
            Step::RegisterTaskDefinition { known, request, digest, .. } => {
                let newest = self
                    .revisions
                    .last()
                    .filter(|newest| tags_of(newest).get("coxswain.dev/digest") == Some(&digest.to_string()));
                let newest = newest.map(|newest| text(&newest["taskDefinition"]["taskDefinitionArn"]));
                let arn = known.clone().or(newest).unwrap_or_else(|| self.register(request));
                Ok(StepAnswer::Registered { arn })
            }
            Step::CreateService { request, .. } => {
                self.create(request, revision.ok_or(Refused)?, now)?;
                self.answer()
            }
            Step::UpdateService { members, task_definition, .. } => {
                let revision = task_definition.as_ref().map(|_| revision.ok_or(Refused)).transpose()?;
                self.update(members, revision, now)?;
                self.answer()
            }
            Step::TagResource { tags, .. } => {
                let service = self.service.as_mut().ok_or(Refused)?;
                service.tags.extend(tags.clone());
                Ok(StepAnswer::Done)
            }
            Step::UntagResource { keys, .. } => {
                let service = self.service.as_mut().ok_or(Refused)?;
                service.tags.retain(|key, _| !keys.contains(key));
                Ok(StepAnswer::Done)
            }
        }
    }

    fn answer(&self) -> Result<StepAnswer, Refused> {
        let service = self.service.as_ref().ok_or(Refused)?;
        let identity = Identity { arn: SERVICE_ARN.to_owned(), created_at: service.created_at };
        let deployment_id = service.deployments.first().map(Deployment::id);
        Ok(StepAnswer::Service { identity, deployment_id })
    }

    pub(crate) fn register(&mut self, request: &Value) -> String {
        let revision = self.revisions.len() + 1;
        let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{revision}");
        let mut definition = request.clone();
        let tags = definition.as_object_mut().unwrap().remove("tags").unwrap_or(json!([]));
        definition["taskDefinitionArn"] = json!(arn);
        definition["revision"] = json!(revision);
        self.revisions.push(json!({"taskDefinition": definition, "tags": tags}));
        arn
    }

    fn create(&mut self, request: &Value, revision: &str, now: Timestamp) -> Result<(), Refused> {
        if self.service.is_some() {
            return Err(Refused);
        }
        let mut members = request.as_object().unwrap().clone();
        let tags = tags_of(request);
        let count = members.get("desiredCount").and_then(Value::as_u64).unwrap_or_default();
        for name in ["tags", "desiredCount", "cluster", "serviceName"] {
            members.remove(name);
        }
        self.service = Some(Service {
            created_at: now,
            members,
            task_definition: revision.to_owned(),
            count,
            tags,
            deployments: Vec::new(),
            last_completed: None,
        });
        self.start(now);
        Ok(())
    }

    /// Merges as UpdateService does: what is not named stays.
    pub(crate) fn update(
        &mut self,
        members: &Map<String, Value>,
        revision: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let service = self.service.as_mut().ok_or(Refused)?;
        let mut triggers = members.get("forceNewDeployment") == Some(&json!(true));
        for (name, value) in members {
            match (name.as_str(), service.members.get_mut(name)) {
                ("forceNewDeployment", _) => {}
                ("desiredCount", _) => service.count = value.as_u64().unwrap(),
                ("deploymentConfiguration", Some(Value::Object(live))) => {
                    live.extend(value.as_object().unwrap().clone());
                }
                (_, live) => {
                    triggers |= TRIGGERS.contains(&name.as_str()) && live.as_deref() != Some(value);
                    service.members.insert(name.clone(), value.clone());
                }
            }
        }
        if let Some(revision) = revision {
            triggers |= service.task_definition != revision;
            revision.clone_into(&mut service.task_definition);
        }
        if triggers {
            self.start(now);
        }
        Ok(())
    }

    fn start(&mut self, now: Timestamp) {
        self.started += 1;
        let number = 1000 + self.started;
        let service = self.service.as_mut().unwrap();
        let superseded = service.deployments.first().filter(|primary| primary.state == "IN_PROGRESS");
        if let Some(superseded) = superseded.map(|primary| primary.number) {
            self.listed.iter_mut().filter(|entry| is_of(entry, superseded)).for_each(|entry| {
                entry["status"] = json!("STOPPED");
            });
        }
        let service = self.service.as_mut().unwrap();
        service.deployments.insert(
            0,
            Deployment {
                number,
                members: service.members.clone(),
                task_definition: service.task_definition.clone(),
                state: "IN_PROGRESS",
                reason: format!("ECS deployment ecs-svc/{number} in progress."),
                created_at: now,
            },
        );
        self.listed.push(json!({
            "status": "IN_PROGRESS",
            "createdAt": seconds(now),
            "targetServiceRevision": {"arn": format!("{SERVICE_ARN}/{number}")},
        }));
    }

    /// The deployment in progress comes to its end, or a rollback does.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let crashes = self.live_definition().is_some_and(|live| live.to_string().contains(":crash\""));
        let Some(service) = &mut self.service else { return };
        let rolls_back = rolls_back(&service.members);
        let Some(primary) = service.deployments.first_mut().filter(|primary| primary.state == "IN_PROGRESS")
        else {
            return;
        };
        let number = primary.number;
        let is_rollback = primary.reason.contains("rolling back");
        if !crashes || is_rollback {
            primary.state = "COMPLETED";
            primary.reason = format!("ECS deployment ecs-svc/{number} completed.");
            service.last_completed = Some(primary.clone());
            service.deployments.truncate(1);
            for entry in &mut self.listed {
                if is_of(entry, number) && !is_rollback {
                    entry["status"] = json!("SUCCESSFUL");
                } else if entry["status"] == "ROLLBACK_IN_PROGRESS" {
                    entry["status"] = json!("ROLLBACK_SUCCESSFUL");
                }
            }
            return;
        }
        primary.state = "FAILED";
        "ECS deployment circuit breaker: tasks failed to start.".clone_into(&mut primary.reason);
        let target = service.last_completed.clone().filter(|_| rolls_back);
        let status = if target.is_some() { "ROLLBACK_IN_PROGRESS" } else { "STOPPED" };
        for entry in self.listed.iter_mut().filter(|entry| is_of(entry, number)) {
            entry["status"] = json!(status);
            entry["statusReason"] = json!("the circuit breaker threshold was exceeded.");
        }
        if let Some(mut target) = target {
            // What belongs to the service revision goes back; settings of the service stay.
            for name in TRIGGERS {
                match target.members.get(*name) {
                    Some(value) => drop(service.members.insert((*name).to_owned(), value.clone())),
                    None => drop(service.members.remove(*name)),
                }
            }
            service.task_definition.clone_from(&target.task_definition);
            target.state = "IN_PROGRESS";
            target.reason =
                format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", target.id());
            target.created_at = now;
            service.deployments.retain(|deployment| deployment.number != target.number);
            service.deployments.insert(0, target);
        }
    }

    pub(crate) fn live_definition(&self) -> Option<&Value> {
        let arn = &self.service.as_ref()?.task_definition;
        self.revisions.iter().find(|answer| answer["taskDefinition"]["taskDefinitionArn"] == **arn)
    }

    pub(crate) fn tags_mut(&mut self) -> Option<&mut BTreeMap<String, String>> {
        self.service.as_mut().map(|service| &mut service.tags)
    }

    pub(crate) fn delete(&mut self) {
        self.service = None;
    }

    /// What DescribeServices, DescribeTaskDefinition and ListServiceDeployments say; `is_turned` turns every
    /// list whose order means nothing.
    pub(crate) fn observe(&self, now: Timestamp, is_turned: bool) -> Observed {
        let mut service = Live::Missing;
        if let (Some(live), Some(definition)) = (&self.service, self.live_definition()) {
            let mut answer = live.describe();
            let mut definition = definition.clone();
            if is_turned {
                turn(&mut answer);
                turn(&mut definition);
                answer["deployments"].as_array_mut().unwrap().sort_by_key(|one| one["status"] != "PRIMARY");
            }
            service = Live::read(&answer, LiveTaskDefinition::read(&definition).unwrap()).unwrap();
        }
        let listed = json!({"serviceDeployments": self.listed});
        Observed {
            seen_at: now,
            service,
            service_deployments: Some(ServiceDeployment::read_all(&listed).unwrap()),
            cause: None,
        }
    }
}

const SERVICE_ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:service/dev/api";

impl Service {
    fn describe(&self) -> Value {
        let mut answer = Value::Object(self.members.clone());
        answer["serviceArn"] = json!(SERVICE_ARN);
        answer["serviceName"] = json!("api");
        answer["status"] = json!("ACTIVE");
        answer["createdAt"] = seconds(self.created_at);
        answer["desiredCount"] = json!(self.count);
        answer["runningCount"] = json!(self.count);
        answer["pendingCount"] = json!(0);
        answer["taskDefinition"] = json!(self.task_definition);
        answer["tags"] = self.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let deployments = self.deployments.iter().enumerate().map(|(index, deployment)| {
            json!({
                "id": deployment.id(),
                "status": if index == 0 { "PRIMARY" } else { "ACTIVE" },
                "taskDefinition": deployment.task_definition,
                "rolloutState": deployment.state,
                "rolloutStateReason": deployment.reason,
                "desiredCount": self.count,
                "createdAt": seconds(deployment.created_at),
            })
        });
        answer["deployments"] = deployments.collect();
        answer
    }
}

impl Deployment {
    fn id(&self) -> String {
        format!("ecs-svc/{}", self.number)
    }
}

fn rolls_back(members: &Map<String, Value>) -> bool {
    let breaker = members.get("deploymentConfiguration").map(|found| &found["deploymentCircuitBreaker"]);
    breaker.is_some_and(|breaker| breaker["rollback"] == true)
}

fn is_of(listed: &Value, number: usize) -> bool {
    text(&listed["targetServiceRevision"]["arn"]).ends_with(&format!("/{number}"))
}

fn turn(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.reverse();
            items.iter_mut().for_each(turn);
        }
        Value::Object(members) => members.values_mut().for_each(turn),
        _ => {}
    }
}

fn tags_of(value: &Value) -> BTreeMap<String, String> {
    let tags = value["tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn seconds(at: Timestamp) -> Value {
    json!(at.as_second())
}
