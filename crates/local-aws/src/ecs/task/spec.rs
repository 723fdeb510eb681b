//! What a task definition's members mean to whoever runs its tasks.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::super::{
    Members,
    task_definition::{health_check, seconds},
};
use crate::task_spec::{ContainerSpec, Mount, RestartPolicy, Ulimit, Volume, VolumeSource};

/// From SIGTERM to SIGKILL where a container names nothing else. Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html>
pub(super) const STOP_TIMEOUT: u64 = 30;

/// How long a container has to run before it is restarted, unless it names another time. Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html>
const ATTEMPT_PERIOD: u64 = 300;

/// MiB in bytes.
pub(super) fn mebibytes(mib: u64) -> u64 {
    mib.saturating_mul(1024 * 1024)
}

/// A container of the definition, with `overrides` of RunTask; `all` are its task's.
pub(super) fn container(definition: &Value, all: &[Value], overrides: Option<&Value>) -> ContainerSpec {
    let texts = |name: &str| definition.texts(name).map(str::to_owned).collect::<Vec<_>>();
    let mut environment = BTreeMap::new();
    let overriding = overrides.map(|own| own.items("environment")).unwrap_or_default();
    for variable in definition.items("environment").iter().chain(overriding) {
        if let Some(name) = variable.text("name") {
            environment.insert(name.to_owned(), variable.text("value").unwrap_or_default().to_owned());
        }
    }
    let own_command: Vec<String> =
        overrides.map(|own| own.texts("command").map(str::to_owned).collect()).unwrap_or_default();
    let depends_on = definition.items("dependsOn").iter().filter_map(|dependency| {
        Some((dependency.text("containerName")?.to_owned(), dependency.text("condition")?.to_owned()))
    });
    let ports = definition
        .items("portMappings")
        .iter()
        .filter_map(|mapping| mapping.whole("containerPort").and_then(|port| u16::try_from(port).ok()));
    let memory = overrides.and_then(|own| own.whole("memory")).or_else(|| definition.whole("memory"));
    ContainerSpec {
        name: definition.text("name").unwrap_or_default().to_owned(),
        image: definition.text("image").unwrap_or_default().to_owned(),
        entry_point: texts("entryPoint"),
        command: if own_command.is_empty() { texts("command") } else { own_command },
        environment,
        working_directory: definition.text("workingDirectory").map(str::to_owned),
        essential: definition.flag("essential").unwrap_or(true),
        ports: ports.collect(),
        health_check: health_check(definition),
        stop_timeout: seconds(definition, "stopTimeout", STOP_TIMEOUT),
        depends_on: depends_on.collect(),
        restart: restart_policy(definition),
        mounts: mounts(definition, all),
        ulimits: definition.items("ulimits").iter().filter_map(ulimit).collect(),
        memory: memory.map(mebibytes),
    }
}

fn restart_policy(container: &Value) -> Option<RestartPolicy> {
    let policy = container.member("restartPolicy").filter(|policy| policy.flag("enabled") == Some(true))?;
    let codes = policy.items("ignoredExitCodes").iter().filter_map(Value::as_i64);
    Some(RestartPolicy {
        ignored_exit_codes: codes.filter_map(|code| i32::try_from(code).ok()).collect(),
        attempt_period: Duration::from_secs(policy.whole("restartAttemptPeriod").unwrap_or(ATTEMPT_PERIOD)),
    })
}

/// A container's own mounts, and those of the containers that it names in `volumesFrom`.
fn mounts(container: &Value, all: &[Value]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = own_mounts(container).collect();
    for from in container.items("volumesFrom") {
        let named = |other: &&Value| other.text("name") == from.text("sourceContainer");
        for mount in all.iter().find(named).into_iter().flat_map(own_mounts) {
            let read_only = mount.read_only || from.flag("readOnly") == Some(true);
            if !mounts.iter().any(|own| own.path == mount.path) {
                mounts.push(Mount { read_only, ..mount });
            }
        }
    }
    mounts
}

fn own_mounts(container: &Value) -> impl Iterator<Item = Mount> {
    container.items("mountPoints").iter().filter_map(|point| {
        Some(Mount {
            volume: point.text("sourceVolume")?.to_owned(),
            path: point.text("containerPath")?.to_owned(),
            read_only: point.flag("readOnly").unwrap_or(false),
        })
    })
}

fn ulimit(limit: &Value) -> Option<Ulimit> {
    let bound = |name: &str| limit.member(name).and_then(Value::as_i64);
    // -1 is no limit, as it is to Docker.
    let units = |limit: i64| u64::try_from(limit).unwrap_or(u64::MAX);
    Some(Ulimit {
        name: limit.text("name")?.to_owned(),
        soft: units(bound("softLimit")?),
        hard: units(bound("hardLimit")?),
    })
}

/// A volume of the definition.
pub(super) fn volume(definition: &Value) -> Option<Volume> {
    let shared = |name: String| VolumeSource::Shared(name);
    let source = if let Some(path) = definition.member("host").and_then(|host| host.text("sourcePath")) {
        VolumeSource::Host(path.to_owned())
    } else if let Some(efs) = definition.member("efsVolumeConfiguration") {
        let of = |name: &str| efs.text(name).unwrap_or_default();
        let point = efs.member("authorizationConfig").and_then(|config| config.text("accessPointId"));
        let root = of("rootDirectory").trim_matches('/');
        shared(format!("efs/{}/{}/{root}", of("fileSystemId"), point.unwrap_or("root")))
    } else {
        let docker = definition.member("dockerVolumeConfiguration");
        match docker.filter(|docker| docker.text("scope") == Some("shared")) {
            Some(_) => shared(format!("docker/{}", definition.text("name")?)),
            None => VolumeSource::Task,
        }
    };
    Some(Volume { name: definition.text("name")?.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_restart_policy_counts_where_it_is_enabled_and_has_ecs_default() {
        let policy = |policy: Value| restart_policy(&json!({"restartPolicy": policy}));
        assert_eq!(restart_policy(&json!({})), None);
        assert_eq!(policy(json!({"enabled": false})), None);
        let bare = policy(json!({"enabled": true})).unwrap();
        assert_eq!((bare.attempt_period.as_secs(), bare.ignored_exit_codes.len()), (300, 0));
        let full = json!({"enabled": true, "ignoredExitCodes": [0, 143], "restartAttemptPeriod": 60});
        let full = policy(full).unwrap();
        assert!(full.restarts(Duration::from_mins(1), 1));
        assert!(!full.restarts(Duration::from_secs(59), 1), "too early");
        assert!(!full.restarts(Duration::from_mins(1), 143), "an ignored code");
    }

    #[test]
    fn mounts_of_others_come_after_its_own_and_can_only_lose_the_right_to_write() {
        let all = [
            json!({"name": "a", "mountPoints": [{"sourceVolume": "x", "containerPath": "/x"},
                {"sourceVolume": "y", "containerPath": "/y", "readOnly": true}]}),
            json!({"name": "b", "mountPoints": [{"sourceVolume": "own", "containerPath": "/y"}],
                "volumesFrom": [{"sourceContainer": "a", "readOnly": true}, {"sourceContainer": "none"}]}),
        ];
        let mounts = container(&all[1], &all, None).mounts;
        let shown: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.volume.as_str(), mount.path.as_str(), mount.read_only))
            .collect();
        assert_eq!(shown, [("own", "/y", false), ("x", "/x", true)]);
    }

    #[test]
    fn a_volume_is_the_tasks_the_machines_or_everybodys() {
        let source = |more: Value| {
            let mut definition = json!({"name": "data"});
            definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            volume(&definition).unwrap().source
        };
        let shared = |name: &str| VolumeSource::Shared(name.to_owned());
        assert_eq!(source(json!({"host": {}})), VolumeSource::Task);
        assert_eq!(source(json!({"configuredAtLaunch": true})), VolumeSource::Task);
        assert_eq!(source(json!({"host": {"sourcePath": "/srv"}})), VolumeSource::Host("/srv".into()));
        assert_eq!(source(json!({"dockerVolumeConfiguration": {"scope": "task"}})), VolumeSource::Task);
        assert_eq!(source(json!({"dockerVolumeConfiguration": {"scope": "shared"}})), shared("docker/data"));
        let efs = json!({"efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/a/"}});
        assert_eq!(source(efs), shared("efs/fs-1/root/a"));
    }

    #[test]
    fn no_limit_is_minus_one_or_the_greatest_number() {
        let limit = ulimit(&json!({"name": "nofile", "softLimit": 1024, "hardLimit": -1})).unwrap();
        assert_eq!((limit.soft, limit.hard), (1024, u64::MAX));
    }
}
