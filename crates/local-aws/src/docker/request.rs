//! What the engine is told to create.

use serde_json::{Map, Value, json};

use crate::task_spec::{ContainerSpec, HealthCheck, TaskSpec, VolumeSource};

/// Says of a container which local ECS's it is.
pub(super) const LABEL: &str = "dev.coxswain.local";

/// Where containers reach this machine.
const HOST: &str = "host.docker.internal";

/// Variables that name a URL of this machine.
const URLS: [&str; 3] =
    ["ECS_CONTAINER_METADATA_URI_V4", "ECS_AGENT_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

/// The container whose network those of the task share: their ports are at the task's address.
pub(super) fn network(task: &TaskSpec, image: &str, owner: &str) -> Value {
    let (mut exposed, mut bindings) = (Map::new(), Map::new());
    for port in task.containers.iter().flat_map(|container| &container.ports) {
        let binding = json!([{"HostIp": task.address.to_string(), "HostPort": port.to_string()}]);
        exposed.insert(format!("{port}/tcp"), json!({}));
        bindings.insert(format!("{port}/tcp"), binding);
    }
    json!({
        "Image": image,
        "ExposedPorts": exposed,
        "Labels": labels(task, "", owner),
        "HostConfig": {"PortBindings": bindings, "ExtraHosts": [format!("{HOST}:host-gateway")]},
    })
}

/// A container of the task, in the network of `network`.
pub(super) fn container(task: &TaskSpec, container: &ContainerSpec, network: &str, owner: &str) -> Value {
    let limit = |limit: u64| i64::try_from(limit).unwrap_or(-1);
    let ulimits: Vec<Value> = container
        .ulimits
        .iter()
        .map(|ulimit| json!({"Name": ulimit.name, "Soft": limit(ulimit.soft), "Hard": limit(ulimit.hard)}))
        .collect();
    let mut body = json!({
        "Image": container.image,
        "Env": environment(container),
        "Labels": labels(task, &container.name, owner),
        "HostConfig": {
            "NetworkMode": format!("container:{network}"),
            "Binds": binds(task, container),
            "Memory": container.memory.or(task.memory).unwrap_or(0),
            "Ulimits": ulimits,
        },
    });
    let mut set = |name: &str, value: Value| {
        if let Some(members) = body.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if !container.entry_point.is_empty() {
        set("Entrypoint", json!(container.entry_point));
    }
    if !container.command.is_empty() {
        set("Cmd", json!(container.command));
    }
    if let Some(directory) = &container.working_directory {
        set("WorkingDir", json!(directory));
    }
    if let Some(check) = &container.health_check {
        set("Healthcheck", health_check(check));
    }
    body
}

fn labels(task: &TaskSpec, container: &str, owner: &str) -> Value {
    json!({
        LABEL: owner,
        "com.amazonaws.ecs.cluster": task.cluster,
        "com.amazonaws.ecs.container-name": container,
        "com.amazonaws.ecs.task-arn": task.task_arn,
    })
}

fn environment(container: &ContainerSpec) -> Vec<String> {
    let elsewhere = |name: &str, value: &str| {
        let of_here = ["http://127.0.0.1:", "http://[::1]:"].iter().find_map(|here| value.strip_prefix(here));
        let of_here = of_here.filter(|_| URLS.contains(&name));
        of_here.map_or_else(|| value.to_owned(), |rest| format!("http://{HOST}:{rest}"))
    };
    let variables = container.environment.iter();
    variables.map(|(name, value)| format!("{name}={}", elsewhere(name, value))).collect()
}

/// The name of the engine's volume, or the folder, that a volume of the task is.
pub(super) fn volume_name(task: &TaskSpec, name: &str) -> Option<String> {
    let plain = |text: &str| text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let volume = task.volumes.iter().find(|volume| volume.name == name)?;
    Some(match &volume.source {
        VolumeSource::Task => format!("coxswain-{}-{}", task.task_id, plain(name)),
        VolumeSource::Shared(shared) => format!("coxswain-{}", plain(shared)),
        VolumeSource::Host(path) => path.clone(),
    })
}

fn binds(task: &TaskSpec, container: &ContainerSpec) -> Vec<String> {
    let bind = |mount: &crate::task_spec::Mount| {
        let source = volume_name(task, &mount.volume)?;
        let mode = if mount.read_only { "ro" } else { "rw" };
        Some(format!("{source}:{}:{mode}", mount.path))
    };
    container.mounts.iter().filter_map(bind).collect()
}

fn health_check(check: &HealthCheck) -> Value {
    // As ECS takes it: a bare command is one without a shell.
    let mut test = check.command.clone();
    if !test.first().is_some_and(|first| matches!(first.as_str(), "CMD" | "CMD-SHELL" | "NONE")) {
        test.insert(0, "CMD".to_owned());
    }
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "Test": test,
        "Interval": nanoseconds(check.interval),
        "Timeout": nanoseconds(check.timeout),
        "Retries": check.retries,
        "StartPeriod": nanoseconds(check.start_period),
    })
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;
    use crate::task_spec::{Mount, Ulimit, Volume};

    fn task(container: ContainerSpec) -> TaskSpec {
        TaskSpec {
            task_id: "id".into(),
            task_arn: "arn".into(),
            task_definition_arn: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1".into(),
            cluster: "main".into(),
            address: Ipv4Addr::new(127, 64, 0, 2),
            containers: vec![container],
            volumes: vec![Volume { name: "data".into(), source: VolumeSource::Task }],
            memory: Some(512),
        }
    }

    #[test]
    fn a_tasks_ports_are_at_its_address_and_its_containers_share_them() {
        let web = ContainerSpec { ports: vec![8000], ..ContainerSpec::new("web", "web:1") };
        let body = network(&task(web.clone()), "pause:1", "owner");
        let at = json!([{"HostIp": "127.64.0.2", "HostPort": "8000"}]);
        assert_eq!(body["HostConfig"]["PortBindings"], json!({"8000/tcp": at}));
        let body = container(&task(web.clone()), &web, "abc", "owner");
        assert_eq!(body["HostConfig"]["NetworkMode"], "container:abc");
        assert_eq!(body["HostConfig"]["Memory"], 512);
        assert!(body.get("Cmd").is_none() && body.get("Entrypoint").is_none(), "the image's own: {body}");
    }

    #[test]
    fn what_is_said_of_a_container_is_told_to_the_engine() {
        let check = HealthCheck {
            command: vec!["true".into()],
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            retries: 3,
            start_period: Duration::ZERO,
        };
        let mount = |path: &str, read_only| Mount { volume: "data".into(), path: path.into(), read_only };
        let web = ContainerSpec {
            command: vec!["serve".into()],
            environment: [
                ("ECS_AGENT_URI".to_owned(), "http://127.0.0.1:4580/api/x".to_owned()),
                ("OTHER".to_owned(), "http://127.0.0.1:1/".to_owned()),
            ]
            .into(),
            working_directory: Some("/srv".into()),
            health_check: Some(check),
            mounts: vec![mount("/data", false), mount("/again", true)],
            ulimits: vec![Ulimit { name: "nofile".into(), soft: 1, hard: u64::MAX }],
            memory: Some(64),
            ..ContainerSpec::new("web", "web:1")
        };
        let body = container(&task(web.clone()), &web, "abc", "owner");
        let expected = ["ECS_AGENT_URI=http://host.docker.internal:4580/api/x", "OTHER=http://127.0.0.1:1/"];
        assert_eq!(body["Env"], json!(expected));
        assert_eq!(
            body["HostConfig"]["Binds"],
            json!(["coxswain-id-data:/data:rw", "coxswain-id-data:/again:ro"])
        );
        assert_eq!(body["HostConfig"]["Ulimits"], json!([{"Name": "nofile", "Soft": 1, "Hard": -1}]));
        assert_eq!((&body["HostConfig"]["Memory"], &body["WorkingDir"]), (&json!(64), &json!("/srv")));
        assert_eq!(body["Healthcheck"]["Test"], json!(["CMD", "true"]));
        assert_eq!(body["Healthcheck"]["Interval"], 5_000_000_000_u64);
        assert_eq!(body["Labels"][LABEL], "owner");
    }
}
