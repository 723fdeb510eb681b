//! Reading a directory of manifests: bounded, in order, and never outside of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use coxswain_manifest::SourceFile;

use super::ReadError;

/// A larger file is not read at all. Smaller ones are still refused by the manifests' own limit, which
/// names the file and its size.
pub(super) const MOST_BYTES_OF_A_FILE: u64 = 16 << 20;

/// All files together; they are kept in memory and in the store.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// Files and folders together.
pub(super) const MOST_ENTRIES: usize = 20_000;

/// Folders within folders.
const DEEPEST: usize = 32;

/// A file that was found, and by what its content is told to have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    path: PathBuf,
    shown: String,
    bytes: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

/// Every manifest under `root`, sorted by path.
///
/// Files are `*.yaml`, `*.yml` and `*.json`; names that begin with a dot are passed over, as editors and
/// git use them. Symbolic links are followed inside the tree only.
pub fn read_directory(root: &Path) -> Result<Vec<SourceFile>, ReadError> {
    find(root)?.iter().map(read).collect()
}

pub(super) fn read(found: &Found) -> Result<SourceFile, ReadError> {
    let content = fs::read(&found.path).map_err(|error| ReadError::io(&found.path, &error))?;
    Ok(SourceFile { path: found.shown.clone(), content })
}

/// The manifests under `root` without their content.
pub(super) fn find(root: &Path) -> Result<Vec<Found>, ReadError> {
    let canonical = fs::canonicalize(root).map_err(|error| ReadError::io(root, &error))?;
    let mut walk =
        Walk { root: canonical.clone(), seen: BTreeSet::new(), found: Vec::new(), entries: 0, bytes: 0 };
    if canonical.is_file() {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        walk.file(&canonical, name)?;
    } else {
        walk.directory(&canonical, "", 0)?;
    }
    walk.found.sort_by(|a, b| a.shown.cmp(&b.shown));
    Ok(walk.found)
}

struct Walk {
    root: PathBuf,
    seen: BTreeSet<PathBuf>,
    found: Vec<Found>,
    entries: usize,
    bytes: u64,
}

impl Walk {
    fn directory(&mut self, directory: &Path, shown: &str, depth: usize) -> Result<(), ReadError> {
        // A link may lead to where we are already.
        if !self.seen.insert(directory.to_owned()) {
            return Ok(());
        }
        if depth > DEEPEST {
            return Err(self.too_much(directory, "folders within folders".to_owned(), DEEPEST.to_string()));
        }
        let listing = fs::read_dir(directory).map_err(|error| ReadError::io(directory, &error))?;
        for entry in listing {
            let entry = entry.map_err(|error| ReadError::io(directory, &error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                let what = format!("{} files and folders", self.entries);
                return Err(self.too_much(directory, what, MOST_ENTRIES.to_string()));
            }
            let shown = if shown.is_empty() { name.to_string() } else { format!("{shown}/{name}") };
            self.entry(&entry.path(), shown, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, shown: String, depth: usize) -> Result<(), ReadError> {
        // Gone since it was listed, or a link to nowhere: not a manifest.
        let Ok(target) = fs::canonicalize(path) else { return Ok(()) };
        if !target.starts_with(&self.root) {
            return Ok(());
        }
        if target.is_dir() {
            return self.directory(&target, &shown, depth + 1);
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if target.is_file() && matches!(extension, Some("yaml" | "yml" | "json")) {
            self.file(&target, shown)?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, shown: String) -> Result<(), ReadError> {
        let metadata = fs::metadata(path).map_err(|error| ReadError::io(path, &error))?;
        let bytes = metadata.len();
        if bytes > MOST_BYTES_OF_A_FILE {
            let what = format!("it has {bytes} bytes");
            return Err(self.too_much(path, what, MOST_BYTES_OF_A_FILE.to_string()));
        }
        self.bytes += bytes;
        if self.bytes > MOST_BYTES {
            let what = format!("the manifests have more than {} bytes", self.bytes - bytes);
            return Err(self.too_much(path, what, MOST_BYTES.to_string()));
        }
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        self.found.push(Found {
            path: path.to_owned(),
            shown,
            bytes,
            modified: metadata.modified().ok(),
            inode,
        });
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads as a sentence where it is used")]
    fn too_much(&self, path: &Path, what: String, limit: String) -> ReadError {
        ReadError::TooMuch { path: path.display().to_string(), what, limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Path) -> Vec<String> {
        read_directory(root).unwrap().into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn manifests_are_found_at_every_depth_in_order_and_other_files_are_not() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("b/c")).unwrap();
        for name in ["z.yaml", "b/c/x.json", "b/y.yml", "notes.txt", ".hidden.yaml", "a.yaml~"] {
            fs::write(root.path().join(name), name).unwrap();
        }
        assert_eq!(paths(root.path()), ["b/c/x.json", "b/y.yml", "z.yaml"]);
    }

    #[test]
    fn links_are_followed_inside_the_tree_and_never_out_of_it() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.yaml"), "x").unwrap();
        fs::create_dir(root.path().join(".data")).unwrap();
        fs::write(root.path().join(".data/api.yaml"), "x").unwrap();
        let link =
            |target: &Path, name: &str| std::os::unix::fs::symlink(target, root.path().join(name)).unwrap();
        link(&root.path().join(".data/api.yaml"), "api.yaml");
        link(outside.path(), "out");
        link(&outside.path().join("secret.yaml"), "secret.yaml");
        link(root.path(), "loop");
        link(&root.path().join("nowhere"), "broken.yaml");
        assert_eq!(paths(root.path()), ["api.yaml"]);
    }

    #[test]
    fn one_file_can_be_read_too_and_a_missing_directory_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("api.yaml");
        fs::write(&file, "x").unwrap();
        assert_eq!(paths(&file), ["api.yaml"]);
        assert!(matches!(read_directory(&root.path().join("gone")), Err(ReadError::Io { .. })));
    }

    #[test]
    fn a_file_beyond_the_bound_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let file = fs::File::create(root.path().join("huge.yaml")).unwrap();
        file.set_len(MOST_BYTES_OF_A_FILE + 1).unwrap();
        let error = read_directory(root.path()).unwrap_err();
        assert!(error.to_string().contains("huge.yaml"), "{error}");
    }
}
