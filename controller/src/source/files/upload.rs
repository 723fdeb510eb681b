//! Publishing plain manifests: a prefix comes to hold exactly these files, and a reader sees all or none of it.
//!
//! ```text
//!   publisher                              bucket                        controller
//!   reads all that is there    ─────────▶
//!   puts the list of files     ─────────▶  .coxswain/files.json   ◀───── old files, new list: not taken
//!   puts what differs          ─────────▶  api.yaml, web.yaml     ◀───── some of them: not taken
//!   removes what is to go      ─────────▶  old.yaml               ◀───── exactly the list's: taken
//!   looks whether it is so     ─────────▶
//! ```
//! Every write names the version that was read, so that what somebody else has written since is never lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use coxswain_manifest::{Bundle, BundleDigest, ContentDigest, Loaded, Provenance, SourceFile, load};
use coxswain_store::{
    Expect, StoreError, Version,
    s3::{Fetched, Listed, Object, Written},
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{
    AT_ONCE, FileList, Folder, LIST, bytes, is_manifest, list::Replaced, listed, no_list, read,
    refused::UploadError,
};
use crate::source::read::MOST_BYTES_OF_A_FILE;

/// Manifests that are to be all that a folder holds, compared with what it holds.
#[derive(Debug)]
pub struct Upload {
    folder: Arc<dyn Folder>,
    documents: BundleDigest,
    list: FileList,
    /// What stands in the place of the list.
    list_seen: Option<Version>,
    /// Whether that list already says the same.
    list_stands: bool,
    puts: Vec<(SourceFile, Expect)>,
    removals: Vec<(String, Version)>,
    /// Versions of what is already as it is to be.
    kept: BTreeMap<String, Version>,
    foreign: Vec<String>,
    before: Vec<SourceFile>,
}

impl Upload {
    /// Compares manifests without errors with what a folder holds; nothing is written.
    ///
    /// # Errors
    /// Manifests with errors, a folder that cannot be read or changes meanwhile, another environment's.
    pub async fn prepare(folder: Arc<dyn Folder>, files: Vec<SourceFile>) -> Result<Self, UploadError> {
        let draft = Bundle::build(files.clone(), 1, Provenance::default(), &BTreeMap::new())?;
        let is_readable =
            |path: &str| is_manifest(path) && path.split('/').all(|segment| !segment.is_empty());
        if let Some(file) = files.iter().find(|file| !is_readable(&file.path)) {
            return Err(UploadError::Unnameable { path: file.path.clone() });
        }
        let (place, ours) = (folder.describe(), draft.environment().to_owned());
        let overtaken = |key: &str| UploadError::Overtaken { place: place.clone(), key: key.to_owned() };
        let listed = listed(folder.as_ref()).await?;
        let list = listed.iter().find(|object| object.key == LIST);
        let standing = match list {
            Some(list) => {
                let bytes = bytes(folder.as_ref(), list).await?.ok_or_else(|| overtaken(LIST))?;
                Some(FileList::parse(&bytes).map_err(|why| no_list(folder.as_ref(), why))?)
            }
            None => None,
        };
        let before = read(folder.as_ref(), &listed).await?.ok_or_else(|| overtaken("a file"))?;
        let found = match &standing {
            Some(list) => Some(list.environment.clone()),
            None => load(before.clone()).environment().map(|found| found.name.clone()),
        };
        if let Some(found) = found.filter(|found| *found != ours) {
            return Err(UploadError::OtherEnvironment { place, found, ours });
        }
        let list_seen = list.map(|list| Version::named(&list.etag));
        let found = Found { listed: &listed, before: &before, list: standing };
        let Comparison { list, list_stands, puts, removals, kept, foreign } = found.compare(ours, files);
        let documents = draft.documents_digest();
        Ok(Self { folder, documents, list, list_seen, list_stands, puts, removals, kept, foreign, before })
    }

    /// The environment.
    pub fn environment(&self) -> &str {
        &self.list.environment
    }

    /// The digest of what the documents say, by which a controller's status names them.
    pub fn documents(&self) -> &BundleDigest {
        &self.documents
    }

    /// What stands there now, where it can be read.
    pub fn before(&self) -> Option<Loaded> {
        let loaded = load(self.before.clone());
        (!loaded.has_errors()).then_some(loaded)
    }

    /// Whether the folder does not hold just that yet.
    pub fn is_new(&self) -> bool {
        !(self.list_stands && self.puts.is_empty() && self.removals.is_empty())
    }

    /// Files that are to be written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.puts.iter().map(|(file, _)| file.path.as_str())
    }

    /// Files that are to be removed.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.removals.iter().map(|(path, _)| path.as_str())
    }

    /// Those among them that nobody has published in this way.
    pub fn foreign(&self) -> &[String] {
        &self.foreign
    }

    /// Writes it, and looks whether it is so. `replaces_foreign` says whether what is [`foreign`](Self::foreign)
    /// may go.
    ///
    /// Die anywhere in it, or never hear back: no reader takes a part, and whoever publishes again goes on
    /// there.
    ///
    /// # Errors
    /// Of two that publish at the same time at most one succeeds.
    pub async fn run(self, replaces_foreign: bool) -> Result<(), UploadError> {
        let place = self.folder.describe();
        if !(replaces_foreign || self.foreign.is_empty()) {
            return Err(UploadError::Foreign { place, files: self.foreign });
        }
        if !self.is_new() {
            return Ok(());
        }
        let Self { folder, list, list_seen, list_stands, puts, removals, kept, .. } = self;
        let writer = Writer { folder: folder.as_ref(), place };
        let mut versions = kept;
        let list_version = match list_seen {
            Some(seen) if list_stands => seen,
            seen => {
                let expect = seen.map_or(Expect::Absent, Expect::Version);
                writer.put(LIST, list.to_bytes(), expect).await?
            }
        };
        versions.insert(LIST.to_owned(), list_version);
        let writer = &writer;
        let put = |(file, expect): (SourceFile, Expect)| async move {
            let version = writer.put(&file.path, file.content, expect).await?;
            Ok::<_, UploadError>((file.path, version))
        };
        let written: Vec<_> = futures::stream::iter(puts).map(put).buffered(AT_ONCE).try_collect().await?;
        versions.extend(written);
        let remove = |(path, version): (String, Version)| async move { writer.remove(&path, &version).await };
        let removed = futures::stream::iter(removals).map(remove).buffered(AT_ONCE);
        removed.try_collect::<Vec<()>>().await?;
        writer.is_so(&versions).await
    }
}

/// What a folder holds.
struct Found<'a> {
    listed: &'a [Listed],
    before: &'a [SourceFile],
    list: Option<FileList>,
}

/// What has to be done so that it holds something else.
struct Comparison {
    list: FileList,
    list_stands: bool,
    puts: Vec<(SourceFile, Expect)>,
    removals: Vec<(String, Version)>,
    kept: BTreeMap<String, Version>,
    foreign: Vec<String>,
}

impl Found<'_> {
    fn compare(self, environment: String, files: Vec<SourceFile>) -> Comparison {
        let versions: BTreeMap<&str, Version> =
            self.listed.iter().map(|object| (object.key.as_str(), Version::named(&object.etag))).collect();
        let wanted = digests(&files);
        let mut others = digests(self.before);
        let mut kept = BTreeMap::new();
        let mut puts = Vec::new();
        for file in files {
            let expect = versions.get(file.path.as_str()).cloned();
            match expect {
                Some(version) if others.get(&file.path) == wanted.get(&file.path) => {
                    others.remove(&file.path);
                    kept.insert(file.path, version);
                }
                expect => puts.push((file, expect.map_or(Expect::Absent, Expect::Version))),
            }
        }
        let goes = |path: &&String| !wanted.contains_key(*path);
        let versioned = |path: &String| Some((path.clone(), versions.get(path.as_str())?.clone()));
        let removals = others.keys().filter(goes).filter_map(versioned).collect();
        let is_known = |(path, digest): &(&String, &ContentDigest)| {
            self.list.as_ref().is_some_and(|list| list.knows(path, digest))
        };
        let foreign: Vec<String> =
            others.iter().filter(|found| !is_known(found)).map(|(path, _)| path.clone()).collect();
        let (list, list_stands) = match self.list {
            Some(list) if list.files == wanted && foreign.is_empty() => (list, true),
            list => {
                let number = list.as_ref().map_or(0, |list| list.number).saturating_add(1);
                let mut replaces: Replaced =
                    others.into_iter().map(|(path, digest)| (path, BTreeSet::from([digest]))).collect();
                // Somebody may still be writing it.
                if let Some(unfinished) = list.filter(|list| list.difference(self.before).is_some()) {
                    unfinished.hand_on(&mut replaces);
                }
                (FileList::new(environment, number, wanted, replaces), false)
            }
        };
        Comparison { list, list_stands, puts, removals, kept, foreign }
    }
}

fn digests(files: &[SourceFile]) -> BTreeMap<String, ContentDigest> {
    files.iter().map(|file| (file.path.clone(), ContentDigest::of(&file.content))).collect()
}

/// Writes to a folder, each object on condition.
struct Writer<'a> {
    folder: &'a dyn Folder,
    place: String,
}

impl Writer<'_> {
    /// Die before it, or after it: what stands is not what the list says, or is. Never hear back, or be refused
    /// because a first sending has arrived after all: what stands there is looked at.
    async fn put(&self, key: &str, bytes: Vec<u8>, expect: Expect) -> Result<Version, UploadError> {
        let doubt = match self.folder.put(key, bytes.clone(), &expect).await {
            Ok(Written::Done(version)) => return Ok(version),
            Ok(Written::Refused) => None,
            Err(error) => Some(self.only_in_doubt(key, error)?),
        };
        match (self.folder.get(key, MOST_BYTES_OF_A_FILE).await, doubt) {
            (Ok(Fetched::Found(Object { bytes: found, version })), _) if found == bytes => Ok(version),
            // Not yet, and perhaps still on its way.
            (Ok(Fetched::Found(object)), Some(source))
                if expect == Expect::Version(object.version.clone()) =>
            {
                Err(self.in_doubt(key, source))
            }
            (Ok(Fetched::Absent), Some(source)) => Err(self.in_doubt(key, source)),
            (Ok(_), _) => Err(self.overtaken(key)),
            (Err(error), doubt) => Err(self.in_doubt(key, doubt.unwrap_or(error))),
        }
    }

    /// Die before it: it is too many, and the set is not taken. Die after it: it is gone. Never hear back: it is
    /// looked for.
    async fn remove(&self, key: &str, seen: &Version) -> Result<(), UploadError> {
        let doubt = match self.folder.delete(key, seen).await {
            Ok(Written::Done(())) => return Ok(()),
            Ok(Written::Refused) => None,
            Err(error) => Some(self.only_in_doubt(key, error)?),
        };
        match (self.folder.get(key, MOST_BYTES_OF_A_FILE).await, doubt) {
            (Ok(Fetched::Absent), _) => Ok(()),
            (Ok(Fetched::Found(object)), Some(source)) if object.version == *seen => {
                Err(self.in_doubt(key, source))
            }
            (Ok(_), _) => Err(self.overtaken(key)),
            (Err(error), doubt) => Err(self.in_doubt(key, doubt.unwrap_or(error))),
        }
    }

    /// Whether the folder holds these versions and nothing else that is read.
    async fn is_so(&self, versions: &BTreeMap<String, Version>) -> Result<(), UploadError> {
        let found = listed(self.folder).await?;
        let found: BTreeMap<&str, &str> =
            found.iter().map(|object| (object.key.as_str(), object.etag.as_str())).collect();
        let wanted: BTreeMap<&str, &str> =
            versions.iter().map(|(key, version)| (key.as_str(), version.as_str())).collect();
        let keys = wanted.keys().chain(found.keys());
        match keys.copied().find(|key| wanted.get(key) != found.get(key)) {
            Some(key) => Err(self.overtaken(key)),
            None => Ok(()),
        }
    }

    fn only_in_doubt(&self, key: &str, error: StoreError) -> Result<StoreError, UploadError> {
        if matches!(error, StoreError::Unavailable { in_doubt: true, .. }) {
            return Ok(error);
        }
        Err(UploadError::Refused { place: self.place.clone(), key: key.to_owned(), source: error })
    }

    fn in_doubt(&self, key: &str, source: StoreError) -> UploadError {
        UploadError::InDoubt { place: self.place.clone(), key: key.to_owned(), source }
    }

    fn overtaken(&self, key: &str) -> UploadError {
        UploadError::Overtaken { place: self.place.clone(), key: key.to_owned() }
    }
}

#[cfg(test)]
mod tests;
