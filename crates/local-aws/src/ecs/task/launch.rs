//! A new task, and what its driver is told.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    super::{
        Alarm, Load, Members, Service, ServiceKey, Start, State,
        tag::Tags,
        task_definition::{TaskDefinition, health_check},
    },
    Attachment, Container, ContainerStatus, Position, Task, TaskStatus, Verdict,
    spec::{self, STOP_TIMEOUT},
};
use crate::{clock::Time, elb::TargetKey, task_secret::TaskSecret, task_spec::TaskSpec};

/// Why a task has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unplaced {
    /// Every zone that it could be in is lost.
    NoZone,
    /// Every loopback address is taken.
    NoAddress,
}

/// What a task is started from.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(super) cluster: String,
    pub(super) definition: Arc<TaskDefinition>,
    pub(super) owner: Option<(ServiceKey, u64)>,
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    /// `launchType`, `capacityProviderStrategy`, `platformVersion`, `networkConfiguration`.
    pub(super) place: &'a Map<String, Value>,
    pub(super) overrides: Value,
    pub(super) tags: Tags,
    pub(super) enable_execute_command: bool,
    /// Target groups, each with the container's port.
    pub(super) routes: Vec<(String, u16)>,
    /// The tasks beside which it runs: it goes where the fewest of them are.
    pub(super) load: Load,
}

impl<'a> Request<'a> {
    /// A task of a service's PRIMARY deployment, which is `place`'s revision.
    pub(crate) fn of_service(
        state: &State,
        service: &Service,
        deployment: (u64, Arc<TaskDefinition>),
        (place, load): (&'a Map<String, Value>, &Load),
    ) -> Self {
        let (number, definition) = deployment;
        let key = &service.key;
        let mut tags = Tags::default();
        match service.spec.text("propagateTags") {
            Some("SERVICE") => tags.extend(&service.tags),
            Some("TASK_DEFINITION") => tags.extend(&state.tags_of_definition(&definition)),
            _ => {}
        }
        if service.spec.flag("enableECSManagedTags") == Some(true) {
            tags.set("aws:ecs:clusterName", &key.cluster);
            tags.set("aws:ecs:serviceName", &key.name);
        }
        Self {
            cluster: key.cluster.clone(),
            definition,
            owner: Some((key.clone(), number)),
            group: format!("service:{}", key.name),
            started_by: Some(format!("ecs-svc/{number}")),
            place,
            overrides: json!({"containerOverrides": [], "inferenceAcceleratorOverrides": []}),
            tags,
            enable_execute_command: service.spec.flag("enableExecuteCommand") == Some(true),
            routes: service.routes(number),
            load: load.clone(),
        }
    }
}

impl State {
    pub(super) fn tags_of_definition(&self, definition: &TaskDefinition) -> Tags {
        let family = self.families.get(&definition.family);
        let registered = family.and_then(|family| family.revisions.get(&definition.revision));
        registered.map(|registered| registered.tags.clone()).unwrap_or_default()
    }

    /// Makes a task in PROVISIONING.
    pub(crate) fn launch(&mut self, request: Request<'_>, now: Time) -> Result<String, Unplaced> {
        let spot = self.spot(request.place, &request.load).ok_or(Unplaced::NoZone)?;
        let address = self.addresses.take().ok_or(Unplaced::NoAddress)?;
        let endpoints = self.endpoints(request.place, &request.cluster, &request.definition, now);
        let id = self.random.hex32();
        let definitions = request.definition.containers();
        let containers = definitions
            .iter()
            .enumerate()
            .map(|(index, definition)| self.container(&request.cluster, &id, index, definition))
            .collect();
        let stop_timeout_seconds =
            definitions.iter().map(|container| container.whole("stopTimeout").unwrap_or(STOP_TIMEOUT)).max();
        let attachment = request.definition.is_awsvpc().then(|| self.attachment(spot.subnet));
        let strategy = request.place.items("capacityProviderStrategy");
        let provider = strategy.iter().max_by_key(|item| (item.whole("base"), item.whole("weight")));
        let provider = provider.and_then(|item| item.text("capacityProvider")).map(str::to_owned);
        let fargate_provider =
            provider.as_deref().is_some_and(|name| matches!(name, "FARGATE" | "FARGATE_SPOT"));
        let launch_type = match request.place.text("launchType") {
            Some(launch_type) => launch_type.to_owned(),
            None if fargate_provider => "FARGATE".to_owned(),
            None => "EC2".to_owned(),
        };
        let place = Position {
            platform_version: (launch_type == "FARGATE").then(|| "1.4.0".to_owned()),
            launch_type: Some(launch_type),
            capacity_provider: provider,
            enable_execute_command: request.enable_execute_command,
        };
        if let Some(cluster) = self.clusters.get_mut(&request.cluster) {
            cluster.tasks.insert(id.clone());
        }
        let targets = request.routes.into_iter();
        let targets = targets.map(|(group, port)| TargetKey { group, address: address.into(), port });
        let task = Task {
            id: id.clone(),
            cluster: request.cluster,
            owner: request.owner,
            definition: request.definition,
            group: request.group,
            started_by: request.started_by,
            place,
            overrides: request.overrides,
            tags: request.tags,
            address,
            targets: targets.collect(),
            attachment,
            zone: spot.zone,
            status: TaskStatus::Provisioning,
            wants_to_run: true,
            containers,
            verdict: Verdict::Open,
            version: 1,
            created_at: now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            signalled_at: None,
            drained_at: None,
            unhealthy_in: None,
            execution_stopped_at: None,
            stopped_at: None,
            stop_code: None,
            stopped_reason: None,
            stop_timeout_seconds: stop_timeout_seconds.unwrap_or(STOP_TIMEOUT),
            protected_until: None,
            credentials: None,
            paths: Vec::new(),
            endpoints,
            is_registered: false,
        };
        self.agenda.alarm(now.after(self.timing.provisioning), Alarm::Task(id.clone()));
        self.tasks.insert(id.clone(), task);
        self.tell_task(&id, now);
        Ok(id)
    }

    fn container(&mut self, cluster: &str, task: &str, index: usize, definition: &Value) -> Container {
        let number = |name: &str| definition.whole(name).map(|number| number.to_string());
        let id = self.random.uuid();
        Container {
            name: definition.text("name").unwrap_or_default().to_owned(),
            arn: self.names.container(cluster, task, &id),
            image: definition.text("image").unwrap_or_default().to_owned(),
            // Fargate's form: the task's id and a number.
            runtime_id: format!("{task}-{:010}", index + 1),
            cpu: number("cpu").unwrap_or_else(|| "0".into()),
            memory: number("memory"),
            essential: definition.flag("essential").unwrap_or(true),
            has_check: health_check(definition).is_some(),
            status: ContainerStatus::Pending,
            started: false,
            healthy: None,
            exit_code: None,
            reason: None,
            image_digest: None,
            started_at: None,
            finished_at: None,
            health_at: None,
            restarts: 0,
        }
    }

    fn attachment(&mut self, subnet: Option<String>) -> Attachment {
        let mac = self.random.next().to_be_bytes();
        Attachment {
            id: self.random.uuid(),
            interface: format!("eni-{:017x}", self.random.next() >> 8),
            subnet: subnet.unwrap_or_else(|| "subnet-local".into()),
            // The second digit of the first octet says: locally administered.
            mac: format!("0a:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4]),
        }
    }

    /// What the driver is told to start a task.
    pub(crate) fn start_of(&mut self, id: &str, now: Time) -> Option<Start> {
        let task = self.tasks.get(id)?;
        let overrides = task.overrides.items("containerOverrides");
        let (mut secrets, mut files) = (Vec::new(), Vec::new());
        let mut containers = Vec::new();
        for definition in task.definition.containers() {
            let name = definition.text("name").unwrap_or_default();
            let own = overrides.iter().find(|container| container.text("name") == Some(name));
            containers.push(spec::container(definition, task.definition.containers(), own));
            secrets.extend(TaskSecret::all_of(definition));
            // An override adds to the definition's files.
            for owner in std::iter::once(definition).chain(own) {
                let named = owner.items("environmentFiles").iter().filter_map(|file| file.text("value"));
                files.extend(named.map(str::to_owned));
            }
            self.log_streams.add(definition, id, now);
        }
        let task = TaskSpec {
            task_id: task.id.clone(),
            task_arn: self.names.task(&task.cluster, &task.id),
            task_definition_arn: task.definition.arn.clone(),
            cluster: task.cluster.clone(),
            address: task.address,
            containers,
            volumes: task.definition.body.items("volumes").iter().filter_map(spec::volume).collect(),
            memory: task.memory_mib().map(spec::mebibytes),
        };
        Some(Start { task, secrets, files })
    }
}
