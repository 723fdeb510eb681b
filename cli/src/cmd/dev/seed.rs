//! What the local ECS is given at its start: parameters, and which program stands for which image.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use coxswain_local_aws::{ImageEntry, ImageMap};
use serde::Deserialize;

use crate::exit::Failure;

/// Stands for the state folder in an image's texts.
const STATE_PLACEHOLDER: &str = "{state}";

/// A seed file: `PATH.dev.json` beside the folder PATH of manifests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    images: Vec<ImageEntry>,
}

/// A parameter: a string, or a list of strings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Parameter {
    /// Of type String.
    String(String),
    /// Of type `StringList`.
    StringList(Vec<String>),
}

/// What the local ECS is given at its start.
#[derive(Debug)]
pub(super) struct Seed {
    /// Parameters by name.
    pub(super) parameters: BTreeMap<String, Parameter>,
    /// Programs by image.
    pub(super) images: ImageMap,
}

impl Seed {
    /// The file that was named, else the one beside the manifests, else an empty seed.
    pub(super) fn find(named: Option<&Path>, manifests: &Path, state: &Path) -> Result<Self, Failure> {
        let beside = beside(manifests);
        let file = match (named, beside) {
            (Some(path), _) => read(path)?,
            (None, Some(path)) if path.exists() => read(&path)?,
            _ => File::default(),
        };
        let own = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_path_buf));
        let images = file.images.into_iter().map(|entry| placed(entry, state, own.as_deref())).collect();
        let images =
            ImageMap::new(images).map_err(|error| Failure::invalid(format!("the seed file: {error}")))?;
        Ok(Self { parameters: file.parameters, images })
    }
}

/// `manifests/example.dev.json` for `manifests/example`: not inside, where it would be read as a manifest.
fn beside(manifests: &Path) -> Option<PathBuf> {
    let mut name = manifests.file_name()?.to_os_string();
    name.push(".dev.json");
    Some(manifests.with_file_name(name))
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read the seed file {}: {error}", path.display())))?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::invalid(format!("{}: {error}", path.display()))
            .help("a seed file is {\"parameters\": {NAME: VALUE}, \"images\": [{\"image\": ..., \"entryPoint\": [...]}]}")
    })
}

/// Programs are looked for beside this one first; `{state}` is the state folder.
fn placed(mut entry: ImageEntry, state: &Path, own: Option<&Path>) -> ImageEntry {
    if entry.bin.is_empty() {
        entry.bin.extend(own.map(Path::to_path_buf));
    }
    let state = state.display().to_string();
    let place = |text: &mut String| *text = text.replace(STATE_PLACEHOLDER, &state);
    entry.entry_point.iter_mut().chain(&mut entry.command).for_each(place);
    entry.environment.values_mut().chain(&mut entry.working_directory).for_each(place);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_file_stands_beside_the_manifests() {
        assert_eq!(beside(Path::new("/a/manifests/example")), Some("/a/manifests/example.dev.json".into()));
    }

    #[test]
    fn the_examples_seed_can_be_read() {
        let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/example");
        let seed = Seed::find(None, &manifests, Path::new("/state")).unwrap();
        let subnets = seed.parameters.get("/coxswain/dev/infra/private-subnets");
        assert!(matches!(subnets, Some(Parameter::StringList(list)) if list.len() == 2), "{subnets:?}");
    }

    #[test]
    fn an_image_finds_its_program_beside_this_one_and_its_files_in_the_state() {
        let entry = ImageEntry {
            entry_point: vec!["api".to_owned(), "{state}/events".to_owned()],
            ..ImageEntry::default()
        };
        let entry = placed(entry, Path::new("/state"), Some(Path::new("/bin")));
        assert_eq!(entry.entry_point, ["api", "/state/events"]);
        assert_eq!(entry.bin, [PathBuf::from("/bin")]);
    }

    #[test]
    fn a_member_that_means_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.json");
        fs::write(&path, r#"{"parameter": {}}"#).unwrap();
        assert!(Seed::find(Some(&path), folder.path(), folder.path()).is_err());
    }
}
