//! What is executed for a container: the image's command and environment under the container's own.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{limits, volumes};
use crate::{
    image::{ImageMap, Placeholders},
    task_spec::{ContainerSpec, TaskSpec},
};

/// Where programs are looked for if this program itself has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program, all that it is given, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invocation {
    /// What process listings show.
    pub(super) label: String,
    /// As an argument of the shim.
    pub(super) limits: String,
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) directory: PathBuf,
}

impl Invocation {
    /// The same surroundings with another command line; `None` where that is empty.
    pub(super) fn with_command(&self, command: Vec<String>) -> Option<Self> {
        let mut words = command.into_iter();
        Some(Self { program: words.next()?, arguments: words.collect(), ..self.clone() })
    }

    /// Works out what a container runs; an error is the task's stopped reason.
    ///
    /// `scratch` is where it runs if neither the image nor the container names a directory; `folders` are those
    /// of the volumes that it mounts.
    pub(super) fn of(
        task: &TaskSpec,
        container: &ContainerSpec,
        images: &ImageMap,
        inherited: &BTreeMap<OsString, OsString>,
        (scratch, folders): (&Path, &BTreeMap<String, PathBuf>),
    ) -> Result<Self, String> {
        let Some((image, tag)) = images.find(&container.image) else {
            return Err(format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): \
                 failed to resolve ref {}: not found",
                container.image
            ));
        };
        let address = task.address.to_string();
        let placeholders = Placeholders {
            address: &address,
            tag: &tag,
            task_id: &task.task_id,
            family: family(&task.task_definition_arn),
            container: &container.name,
        };
        let fill = |words: &[String]| words.iter().map(|word| placeholders.fill(word)).collect::<Vec<_>>();
        let mut words = command_line(container, &fill(&image.entry_point), &fill(&image.command)).into_iter();
        let Some(program) = words.next() else {
            return Err("CannotCreateContainerError: no command specified".to_owned());
        };

        let mut environment: BTreeMap<OsString, OsString> = BTreeMap::new();
        for name in image.inherit.iter().map(String::as_str).chain(["PATH"]) {
            if let Some(value) = inherited.get(OsStr::new(name)) {
                environment.insert(name.into(), value.clone());
            }
        }
        for (name, value) in &image.environment {
            environment.insert(name.into(), placeholders.fill(value).into());
        }
        for (volume, folder) in folders {
            environment.insert(volumes::variable(volume).into(), folder.into());
        }
        for (name, value) in &container.environment {
            environment.insert(name.into(), value.into());
        }
        let path = environment.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        for bin in image.bin.iter().rev() {
            let mut longer = bin.clone().into_os_string();
            longer.push(":");
            longer.push(&*path);
            *path = longer;
        }
        let stated = image.working_directory.as_ref().map(|directory| placeholders.fill(directory));
        let directory = stated.or_else(|| container.working_directory.clone());
        Ok(Self {
            limits: limits::argument(&container.ulimits),
            label: format!("{}/{}", placeholders.family, container.name),
            program,
            arguments: words.collect(),
            environment,
            directory: directory.map_or_else(|| scratch.to_path_buf(), PathBuf::from),
        })
    }
}

/// Docker's merge: an entry point of the container's own also drops the image's command.
fn command_line(container: &ContainerSpec, entry_point: &[String], command: &[String]) -> Vec<String> {
    match (container.entry_point.is_empty(), container.command.is_empty()) {
        (false, _) => [container.entry_point.as_slice(), &container.command].concat(),
        (true, false) => [entry_point, &container.command].concat(),
        (true, true) => [entry_point, command].concat(),
    }
}

/// `api` of `arn:aws:ecs:eu-central-1:123456789012:task-definition/api:7`.
fn family(task_definition_arn: &str) -> &str {
    let name = task_definition_arn.rsplit_once('/').map_or(task_definition_arn, |(_, name)| name);
    name.split_once(':').map_or(name, |(family, _)| family)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::image::ImageEntry;

    fn container() -> ContainerSpec {
        ContainerSpec { ports: vec![8000], ..ContainerSpec::new("web", "api:1.4") }
    }

    fn invocation(container: &ContainerSpec, image: ImageEntry) -> Result<Invocation, String> {
        let task = TaskSpec {
            task_id: "0123456789abcdef0123456789abcdef".into(),
            task_arn: "arn:aws:ecs:eu-central-1:123456789012:task/demo/0123456789abcdef0123456789abcdef"
                .into(),
            task_definition_arn: "arn:aws:ecs:eu-central-1:123456789012:task-definition/api:7".into(),
            cluster: "demo".into(),
            address: Ipv4Addr::new(127, 64, 0, 2),
            containers: vec![container.clone()],
            volumes: Vec::new(),
            memory: None,
        };
        let parent = [("PATH", "/parent"), ("HOME", "/home/me"), ("AWS_SECRET_ACCESS_KEY", "x")];
        let inherited = parent.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let images = ImageMap::new(vec![image]).unwrap();
        let volumes = BTreeMap::from([("my-data".to_owned(), PathBuf::from("/volumes/my-data"))]);
        Invocation::of(&task, container, &images, &inherited, (Path::new("/scratch"), &volumes))
    }

    fn image() -> ImageEntry {
        ImageEntry {
            image: "api".into(),
            entry_point: vec!["/bin/api".into()],
            command: vec!["serve".into(), "{address}:8000".into()],
            ..ImageEntry::default()
        }
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn entry_point_and_command_override_the_images_as_in_docker() {
        for (entry_point, command, expected) in [
            (&[][..], &[][..], &["/bin/api", "serve", "127.64.0.2:8000"][..]),
            (&[], &["migrate"], &["/bin/api", "migrate"]),
            (&["/bin/sh"], &[], &["/bin/sh"]),
            (&["/bin/sh"], &["-c", "true"], &["/bin/sh", "-c", "true"]),
        ] {
            let spec =
                ContainerSpec { entry_point: words(entry_point), command: words(command), ..container() };
            let made = invocation(&spec, image()).unwrap();
            let line: Vec<_> = std::iter::once(made.program).chain(made.arguments).collect();
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn the_environment_is_path_what_the_map_names_the_images_and_last_the_containers() {
        let mut image = image();
        image.inherit = words(&["HOME", "ABSENT"]);
        image.environment = BTreeMap::from([
            ("LISTEN".into(), "{address}:8000".into()),
            ("VERSION".into(), "{tag} of {family}".into()),
        ]);
        let mut spec = container();
        spec.environment.insert("LISTEN".into(), "{address}".into());
        let made = invocation(&spec, image).unwrap();
        let expected = [
            ("COXSWAIN_VOLUME_MY_DATA", "/volumes/my-data"),
            ("HOME", "/home/me"),
            ("LISTEN", "{address}"),
            ("PATH", "/parent"),
            ("VERSION", "1.4 of api"),
        ];
        let found: Vec<_> = made
            .environment
            .iter()
            .map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_images_bin_folders_come_before_path_in_their_order() {
        let mut image = image();
        image.bin = vec!["/a".into(), "/b".into()];
        let made = invocation(&container(), image).unwrap();
        assert_eq!(made.environment.get(OsStr::new("PATH")).unwrap(), "/a:/b:/parent");
    }

    #[test]
    fn the_images_directory_wins_over_the_containers_and_without_either_there_is_scratch_space() {
        let directory = |image: Option<&str>, own: Option<&str>| {
            let entry = ImageEntry { working_directory: image.map(str::to_owned), ..super::tests::image() };
            let spec = ContainerSpec { working_directory: own.map(str::to_owned), ..container() };
            invocation(&spec, entry).unwrap().directory
        };
        assert_eq!(directory(Some("/srv/{family}"), Some("/app")), Path::new("/srv/api"));
        assert_eq!(directory(None, Some("/app")), Path::new("/app"));
        assert_eq!(directory(None, None), Path::new("/scratch"));
    }

    #[test]
    fn an_image_that_is_not_mapped_cannot_be_pulled() {
        let mut spec = container();
        spec.image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:2".into();
        assert_eq!(
            invocation(&spec, image()).unwrap_err(),
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve \
             ref 123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:2: not found"
        );
    }
}
