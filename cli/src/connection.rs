//! The connection file of a running `cox dev`: how other verbs find it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::config;

/// The folder of `cox dev`'s state, in the folder where it was started.
pub(crate) const STATE: &str = ".coxswain/dev";

/// The file's name in [`STATE`].
const FILE: &str = "connection.json";

/// Where a running `cox dev` can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    /// The controller's URL.
    pub(crate) controller: String,
    /// The local ECS's endpoint.
    pub(crate) endpoint: String,
    /// The Region that the local ECS is in.
    pub(crate) region: String,
    /// The manifests, as an absolute path.
    pub(crate) manifests: PathBuf,
    /// The process.
    pub(crate) pid: u32,
}

impl Connection {
    /// The nearest one, from the working directory upwards.
    pub(crate) fn find() -> Option<Self> {
        Self::find_from(&config::working_directory()?)
    }

    fn find_from(folder: &Path) -> Option<Self> {
        folder.ancestors().find_map(|folder| Self::read(&folder.join(STATE)))
    }

    /// The one in that state folder; nothing where it cannot be read or its process is gone.
    pub(crate) fn read(state: &Path) -> Option<Self> {
        let text = fs::read(state.join(FILE)).ok()?;
        let connection: Self = serde_json::from_slice(&text).ok()?;
        connection.is_alive().then_some(connection)
    }

    /// Whether its process is there; where that cannot be told, it is taken to be.
    fn is_alive(&self) -> bool {
        !Path::new("/proc/self").exists() || Path::new(&format!("/proc/{}", self.pid)).exists()
    }

    /// Writes it for others to find; only its owner can read it.
    #[cfg(feature = "dev")]
    pub(crate) fn write(&self, state: &Path) -> std::io::Result<()> {
        use std::{
            io::{self, Write as _},
            os::unix::fs::OpenOptionsExt as _,
        };

        let temporary = state.join(format!("{FILE}.{}", self.pid));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(serde_json::to_string_pretty(self).map_err(io::Error::other)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(temporary, state.join(FILE))
    }

    /// Takes it away again.
    #[cfg(feature = "dev")]
    pub(crate) fn remove(state: &Path) {
        // Where it stays, its process is seen to be gone.
        drop(fs::remove_file(state.join(FILE)));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn connection(pid: u32) -> Connection {
        Connection {
            controller: "http://127.0.0.1:7400".to_owned(),
            endpoint: "http://127.0.0.1:4580".to_owned(),
            region: "eu-west-1".to_owned(),
            manifests: "/srv/manifests".into(),
            pid,
        }
    }

    #[test]
    fn it_is_found_from_a_folder_below_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(STATE);
        fs::create_dir_all(&state).unwrap();
        let written = connection(std::process::id());
        written.write(&state).unwrap();
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        assert_eq!(Connection::find_from(&below), Some(written));
        let mode = fs::metadata(state.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Connection::remove(&state);
        assert_eq!(Connection::find_from(&below), None);
    }

    #[test]
    fn one_whose_process_is_gone_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(STATE);
        fs::create_dir_all(&state).unwrap();
        // No process has the greatest number that a pid can be.
        connection(u32::MAX).write(&state).unwrap();
        assert_eq!(Connection::find_from(folder.path()), None);
    }
}
