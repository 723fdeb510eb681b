//! The effects on the file system, in the order that survives a crash. All of it blocks.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path as FilePath, PathBuf};

use super::lock;
use crate::path::check_segment;
use crate::{Operation, Path, StoreError};

/// What follows an entry's name in the name of its file.
const SUFFIX: &str = "+entry";

/// The file that a write goes to before it is renamed. One is enough: writers hold the lock.
const PARTIAL: &str = "+partial";

/// A failed change, told by whether it can have taken effect.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// Nothing has changed.
    Before(io::Error),
    /// It may have changed, or may not last.
    During(io::Error),
}

impl Interrupted {
    pub(super) fn into_error(self, operation: Operation, subject: &str) -> StoreError {
        let (source, in_doubt) = match self {
            Self::Before(source) => (source, false),
            Self::During(source) => (source, true),
        };
        StoreError::Unavailable { operation, subject: subject.to_owned(), in_doubt, source: source.into() }
    }
}

/// What a walk over the directory has found.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The entries whose paths begin with the prefix, in no order.
    pub(super) entries: Vec<Path>,
    /// Files on the way that can be no entries.
    pub(super) foreign: Vec<PathBuf>,
}

#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &FilePath {
        &self.root
    }

    /// The file of the entry at `path`.
    pub(super) fn location(&self, path: &Path) -> PathBuf {
        self.root.join(format!("{path}{SUFFIX}"))
    }

    /// Creates the root and its lock file if they are missing.
    pub(super) fn create_root(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
        private_file().create(true).truncate(false).open(self.root.join(lock::NAME))?;
        // Its name in the directory above should last too; that one may be another user's.
        drop(sync(&self.root.join("..")));
        sync(&self.root)
    }

    /// Takes away the file that a killed writer left.
    pub(super) fn remove_partial(&self) -> io::Result<()> {
        match fs::remove_file(self.root.join(PARTIAL)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The stored bytes at `path`.
    pub(super) fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.location(path)) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Only a store that is there can say that an entry is not.
                fs::metadata(self.root.join(lock::NAME))?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts `sealed` at `path` in one step.
    pub(super) fn replace(&self, path: &Path, sealed: &[u8]) -> Result<(), Interrupted> {
        let partial = self.root.join(PARTIAL);
        let target = self.location(path);
        let parents = self.parents(path);
        write_synced(&partial, sealed)
            .and_then(|()| parents.iter().rev().try_for_each(|parent| create_directory(parent)))
            .and_then(|()| fs::rename(&partial, &target))
            .map_err(Interrupted::Before)?;
        // All of them: one may have been created by a writer that was killed before it could sync.
        parents.iter().try_for_each(|parent| sync(parent)).map_err(Interrupted::During)
    }

    /// Removes the entry at `path`, and directories that are empty then.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Interrupted> {
        fs::remove_file(self.location(path)).map_err(Interrupted::Before)?;
        let mut parents = self.parents(path).into_iter();
        let kept = parents.find(|parent| *parent == self.root || fs::remove_dir(parent).is_err());
        kept.map_or(Ok(()), |parent| sync(&parent)).map_err(Interrupted::During)
    }

    /// Walks the directories that can hold entries whose paths begin with `prefix`.
    pub(super) fn list(&self, prefix: &str) -> io::Result<Listing> {
        let mut walk = Walk { prefix, pending: Vec::new(), listing: Listing::default() };
        match prefix.rsplit_once('/') {
            None => walk.pending.push(String::new()),
            // A prefix that is not made of segments begins no path, and must not lead out of the root.
            Some((above, _)) if above.split('/').any(|segment| check_segment(segment).is_err()) => {}
            Some((above, _)) => walk.pending.push(above.to_owned()),
        }
        while let Some(directory) = walk.pending.pop() {
            let files = match fs::read_dir(self.root.join(&directory)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                files => files?,
            };
            for file in files {
                walk.visit(&file?, &directory)?;
            }
        }
        Ok(walk.listing)
    }

    /// The directories above `path`, innermost first, the root last.
    fn parents(&self, path: &Path) -> Vec<PathBuf> {
        let depth = path.segments().count();
        self.location(path).ancestors().skip(1).take(depth).map(FilePath::to_owned).collect()
    }
}

/// A walk over the directories, without recursion.
struct Walk<'a> {
    prefix: &'a str,
    /// Directories to look into, relative to the root.
    pending: Vec<String>,
    listing: Listing,
}

impl Walk<'_> {
    /// Says what a file in `directory` is: an entry, a directory to look into, ours, or foreign.
    fn visit(&mut self, file: &fs::DirEntry, directory: &str) -> io::Result<()> {
        let name = file.file_name();
        if directory.is_empty() && (name == OsStr::new(lock::NAME) || name == OsStr::new(PARTIAL)) {
            return Ok(());
        }
        let joined = |name: &str| {
            let text = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            Path::new(text).ok()
        };
        // Links are not followed: neither kind is true of one.
        let kind = file.file_type()?;
        let name = name.to_str().unwrap_or_default();
        let entry = name.strip_suffix(SUFFIX).and_then(joined).filter(|_| kind.is_file());
        let inner = joined(name).filter(|_| kind.is_dir());
        let leads_to_prefix = |inner: &str| inner.starts_with(self.prefix) || self.prefix.starts_with(inner);
        match (entry, inner) {
            (Some(path), _) if path.as_str().starts_with(self.prefix) => self.listing.entries.push(path),
            (None, Some(inner)) if leads_to_prefix(inner.as_str()) => self.pending.push(inner.to_string()),
            (Some(_), _) | (None, Some(_)) => {}
            (None, None) => self.listing.foreign.push(file.path()),
        }
        Ok(())
    }
}

fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(0o600);
    options
}

fn write_synced(path: &FilePath, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_file().create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn create_directory(path: &FilePath) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        // The root is never created here: one that has gone must not come back empty.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn sync(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
