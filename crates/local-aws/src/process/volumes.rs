//! Volumes as folders of this machine.
//!
//! A program here has no file system of its own into which a volume could be mounted. A container finds the
//! folder of a volume in two ways: by the variable `COXSWAIN_VOLUME_NAME`, and, where it runs in its scratch
//! folder, at the mount's path without the first slash: `/var/data` is `var/data` there.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind},
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

use crate::task_spec::{ContainerSpec, TaskSpec, Volume, VolumeSource};

/// What stands before a volume's name in a variable.
const VARIABLE: &str = "COXSWAIN_VOLUME_";

/// Makes the folders of a container's mounts and the links to them in its scratch folder; says the folder of
/// each volume that it mounts. An error is the task's stopped reason.
pub(super) fn prepare(
    task: &TaskSpec,
    container: &ContainerSpec,
    state: &Path,
    scratch: &Path,
) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut folders = BTreeMap::new();
    for mount in &container.mounts {
        let failed =
            |error: io::Error| format!("CannotCreateContainerError: volume {}: {error}", mount.volume);
        let Some(volume) = task.volumes.iter().find(|volume| volume.name == mount.volume) else {
            return Err(format!("CannotCreateContainerError: there is no volume {}", mount.volume));
        };
        let folder = folder(volume, task, state);
        fs::create_dir_all(&folder).map_err(failed)?;
        link(&folder, scratch, &mount.path).map_err(failed)?;
        folders.insert(mount.volume.clone(), folder);
    }
    Ok(folders)
}

/// The variable that names a volume's folder: letters and digits of the name, in capitals, `_` for the rest.
pub(super) fn variable(volume: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    VARIABLE.chars().chain(volume.chars().map(plain)).collect()
}

fn folder(volume: &Volume, task: &TaskSpec, state: &Path) -> PathBuf {
    match &volume.source {
        VolumeSource::Task => {
            state.join("tasks").join(&task.task_id).join("volumes").join(within(&volume.name))
        }
        VolumeSource::Host(path) => PathBuf::from(path),
        VolumeSource::Shared(name) => state.join("volumes").join(within(name)),
    }
}

/// A path that stays below where it is put: no root, no way up.
fn within(path: impl AsRef<Path>) -> PathBuf {
    path.as_ref().components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// Links the folder to the mount's path below the scratch folder, unless something is there already.
fn link(folder: &Path, scratch: &Path, path: &str) -> io::Result<()> {
    let inside = within(path);
    if inside.as_os_str().is_empty() {
        return Ok(());
    }
    let place = scratch.join(inside);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    match symlink(folder, place) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_made_of_what_variables_may_have() {
        assert_eq!(variable("my-data.1"), "COXSWAIN_VOLUME_MY_DATA_1");
    }

    #[test]
    fn a_name_never_leads_out_of_its_folder() {
        assert_eq!(within("../../etc//./passwd"), Path::new("etc/passwd"));
        assert_eq!(within("/var/data/"), Path::new("var/data"));
        assert_eq!(within(".."), Path::new(""));
    }
}
