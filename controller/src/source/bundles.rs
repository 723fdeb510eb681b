//! Which manifests stand: all of a set or none of it, the last good one across restarts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use coxswain_manifest::{BundleDigest, Diagnostic, Key, Loaded, Severity, SourceFile, Sources, load};
use coxswain_plan::Reason;
use coxswain_runtime::Clock;
use coxswain_store::{Expect, Path, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::ReadError;
use crate::{
    aws::Aws,
    desired::Wanted,
    report::SourceReport,
    resolve::{References, StoredValue, resolve},
};

/// Where the last good set is kept.
const PATH: &str = "v1/source/last-good.json";

/// The layout of [`LastGood`] that this version writes and reads.
const SCHEMA: u32 = 1;

/// The set that was taken last, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LastGood {
    schema: u32,
    /// Grows with each set that differs from the one before.
    sequence: u64,
    digest: String,
    /// What its references meant when it was taken.
    parameters: BTreeMap<String, StoredValue>,
    files: Vec<KeptFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptFile {
    path: String,
    content: String,
}

impl LastGood {
    fn files(&self) -> Vec<SourceFile> {
        let file =
            |kept: &KeptFile| SourceFile { path: kept.path.clone(), content: kept.content.clone().into() };
        self.files.iter().map(file).collect()
    }
}

/// What stands after a reading.
#[derive(Debug)]
pub struct Taken {
    /// Every object; `None` where nothing stands yet, so that nothing can be said of any.
    pub objects: Option<BTreeMap<Key, Wanted>>,
    /// The environment's name, where something stands.
    pub environment: Option<String>,
    /// Whether an object that is not among them is certainly not asked for any more.
    pub is_whole: bool,
    /// Whether something is left to be tried again without a change: a value that was not found, a store
    /// that did not answer.
    pub is_unfinished: bool,
    /// What is said of it.
    pub report: SourceReport,
}

/// Why a set was not taken.
#[derive(Debug)]
struct Refusal {
    reason: Reason,
    message: String,
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    seen: Option<BundleDigest>,
    is_unfinished: bool,
}

impl Refusal {
    fn plain(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            diagnostics: Vec::new(),
            sources: Sources::default(),
            seen: None,
            is_unfinished: false,
        }
    }

    fn of_store(error: &StoreError, seen: Option<BundleDigest>) -> Self {
        let text = format!("the store does not keep the manifests: {error}; the last good ones stand");
        Self { seen, is_unfinished: true, ..Self::plain(Reason::Unavailable, text) }
    }
}

/// What stands, without the trees that it was read from: a thousand of them weigh more than all else.
#[derive(Debug)]
struct Standing {
    environment: Option<String>,
    digest: BundleDigest,
    diagnostics: Vec<Diagnostic>,
    /// To show diagnostics with; empty where there are none.
    sources: Sources,
    is_whole: bool,
    references: References,
    sequence: u64,
    objects: BTreeMap<Key, Wanted>,
}

impl Standing {
    fn revision(&self) -> String {
        revision(self.sequence)
    }
}

/// `<bundle sequence>.<input number>`; inputs do not change by themselves in this version.
fn revision(sequence: u64) -> String {
    format!("{sequence}.0")
}

/// Decides which manifests stand.
///
/// # Guarantees
/// - A set with an error, an empty one and one that cannot be read are not taken: the last good one
///   stands, also after a restart.
/// - Object by object (which `cox dev` alone asks for) an object with errors is blocked and the others go
///   on; an object that only may have gone is blocked and not called gone.
/// - A set is numbered and kept before it is acted on. Its references are looked up once.
#[derive(Debug)]
pub struct Bundles {
    store: Arc<dyn Store>,
    aws: Arc<dyn Aws>,
    clock: Arc<dyn Clock>,
    from: String,
    is_object_by_object: bool,
    standing: Option<Standing>,
    read: Option<Result<Vec<SourceFile>, ReadError>>,
}

impl Bundles {
    /// Keeps sets in `store`; `from` names their origin for people.
    pub fn new(
        store: Arc<dyn Store>,
        aws: Arc<dyn Aws>,
        clock: Arc<dyn Clock>,
        from: String,
        is_object_by_object: bool,
    ) -> Self {
        Self { store, aws, clock, from, is_object_by_object, standing: None, read: None }
    }

    /// Takes a reading, if it can be used, and says what stands.
    pub async fn take(&mut self, read: Result<Vec<SourceFile>, ReadError>) -> Taken {
        self.read = Some(read);
        self.again().await
    }

    /// Tries once more what was unfinished.
    pub async fn again(&mut self) -> Taken {
        let judged = match &self.read {
            Some(Ok(files)) => self.judge(files.clone()),
            Some(Err(error)) => {
                let text = format!("{error}; the last good manifests stand");
                Err(Refusal::plain(Reason::SourceUnreadable, text))
            }
            None => Err(Refusal::plain(Reason::SourceUnreadable, "nothing was read yet")),
        };
        let accepted = match judged {
            Ok((files, loaded)) => self.accept(files, loaded).await,
            Err(refusal) => Err(refusal),
        };
        match accepted {
            Ok(()) => self.taken(),
            Err(refusal) => {
                if self.standing.is_none()
                    && let Err(error) = self.restore().await
                {
                    let text = format!("{}; nor can the last good ones be read: {error}", refusal.message);
                    return self.refused(Refusal { message: text, is_unfinished: true, ..refusal });
                }
                self.refused(refusal)
            }
        }
    }

    fn judge(&self, files: Vec<SourceFile>) -> Result<(Vec<SourceFile>, Loaded), Refusal> {
        if files.is_empty() {
            let text = format!("there are no manifests in {}; the last good ones stand", self.from);
            return Err(Refusal::plain(Reason::SourceUnreadable, text));
        }
        let loaded = load(files.clone());
        let is_usable = !loaded.has_errors() || self.is_object_by_object && loaded.environment().is_some();
        if is_usable {
            return Ok((files, loaded));
        }
        let text = format!("{}; the last good manifests stand", count_text(loaded.diagnostics()));
        Err(Refusal {
            diagnostics: loaded.diagnostics().to_vec(),
            sources: loaded.sources().clone(),
            seen: Some(loaded.bundle_digest().clone()),
            ..Refusal::plain(Reason::InvalidManifest, text)
        })
    }

    async fn accept(&mut self, files: Vec<SourceFile>, loaded: Loaded) -> Result<(), Refusal> {
        let seen = loaded.bundle_digest().clone();
        let of_store = |error: &StoreError| Refusal::of_store(error, Some(seen.clone()));
        let (kept, version) = self.kept().await.map_err(|error| of_store(&error))?;
        let is_same = kept.as_ref().is_some_and(|kept| kept.digest == seen.as_str());
        let known = kept.as_ref().filter(|_| is_same).map(|kept| kept.parameters.clone()).unwrap_or_default();
        let mut references = References::known(known);
        references.look_up(&loaded, self.aws.as_ref()).await;

        let before = kept.as_ref().map_or(0, |kept| kept.sequence);
        let next = LastGood {
            schema: SCHEMA,
            sequence: if is_same { before } else { before + 1 },
            digest: seen.to_string(),
            parameters: references.found().clone(),
            files: files.into_iter().map(keep).collect(),
        };
        if kept.as_ref() != Some(&next) {
            self.keep(&next, version).await.map_err(|error| of_store(&error))?;
        }
        self.stand(&loaded, references, next.sequence).map_err(|diagnostics| Refusal {
            seen: Some(seen.clone()),
            diagnostics,
            ..Refusal::plain(Reason::InvalidManifest, "the manifests name no environment")
        })
    }

    fn stand(
        &mut self,
        loaded: &Loaded,
        references: References,
        sequence: u64,
    ) -> Result<(), Vec<Diagnostic>> {
        let mut objects = resolve(loaded, &references, &revision(sequence))?;
        if !loaded.unread_files().is_empty() {
            let before = self.standing.as_ref().map(|standing| &standing.objects);
            for key in before.into_iter().flat_map(BTreeMap::keys) {
                objects.entry(key.clone()).or_insert_with(|| perhaps_gone(loaded));
            }
        }
        let diagnostics = loaded.diagnostics().to_vec();
        let sources = if diagnostics.is_empty() { Sources::default() } else { loaded.sources().clone() };
        self.standing = Some(Standing {
            environment: loaded.environment().map(|environment| environment.name.clone()),
            digest: loaded.bundle_digest().clone(),
            diagnostics,
            sources,
            is_whole: loaded.unread_files().is_empty(),
            references,
            sequence,
            objects,
        });
        Ok(())
    }

    /// Brings back what was taken last before a restart.
    async fn restore(&mut self) -> Result<(), StoreError> {
        let (Some(kept), _) = self.kept().await? else { return Ok(()) };
        let loaded = load(kept.files());
        let mut references = References::known(kept.parameters.clone());
        references.look_up(&loaded, self.aws.as_ref()).await;
        if self.stand(&loaded, references, kept.sequence).is_err() {
            tracing::error!(reason = "InvalidManifest", "the last good manifests are no longer understood");
        }
        Ok(())
    }

    async fn kept(&self) -> Result<(Option<LastGood>, Expect), StoreError> {
        let path = path()?;
        let entry = self.store.get(&path).await?;
        let kept = match &entry {
            None => None,
            Some(entry) => Some(parse(&entry.bytes)?),
        };
        Ok((kept, Expect::from(entry.as_ref())))
    }

    async fn keep(&self, kept: &LastGood, version: Expect) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(kept).map_err(|error| unreadable(error.into()))?;
        self.store.put(&path()?, bytes, version).await?;
        Ok(())
    }

    fn taken(&self) -> Taken {
        let diagnostics = self.standing.as_ref().map(|standing| standing.diagnostics.clone());
        let diagnostics = diagnostics.unwrap_or_default();
        let has_errors = diagnostics.iter().any(|found| found.severity == Severity::Error);
        let (reason, message) = if has_errors {
            let text = format!("{}; objects without errors go on", count_text(&diagnostics));
            (Reason::InvalidManifest, text)
        } else {
            (Reason::SourceRead, "the manifests were read and are valid".to_owned())
        };
        let standing = self.standing.as_ref();
        self.say(
            SourceReport {
                at: self.clock.now(),
                from: self.from.clone(),
                is_ready: !has_errors,
                reason,
                message,
                diagnostics,
                sources: standing.map(|standing| standing.sources.clone()).unwrap_or_default(),
                seen: standing.map(|standing| standing.digest.clone()),
                accepted: None,
                objects: Vec::new(),
            },
            false,
        )
    }

    fn refused(&self, refusal: Refusal) -> Taken {
        let report = SourceReport {
            at: self.clock.now(),
            from: self.from.clone(),
            is_ready: false,
            reason: refusal.reason,
            message: refusal.message,
            diagnostics: refusal.diagnostics,
            sources: refusal.sources,
            seen: refusal.seen,
            accepted: None,
            objects: Vec::new(),
        };
        self.say(report, refusal.is_unfinished)
    }

    /// Adds what stands.
    fn say(&self, mut report: SourceReport, is_unfinished: bool) -> Taken {
        let standing = self.standing.as_ref();
        report.accepted = standing.map(|standing| (standing.revision(), standing.digest.clone()));
        report.objects =
            standing.map(|standing| standing.objects.keys().cloned().collect()).unwrap_or_default();
        Taken {
            objects: standing.map(|standing| standing.objects.clone()),
            environment: standing.and_then(|standing| standing.environment.clone()),
            is_whole: standing.is_some_and(|standing| standing.is_whole),
            is_unfinished: is_unfinished
                || standing.is_some_and(|standing| !standing.references.is_complete()),
            report,
        }
    }
}

fn path() -> Result<Path, StoreError> {
    Path::new(PATH).map_err(|error| unreadable(error.into()))
}

fn parse(bytes: &[u8]) -> Result<LastGood, StoreError> {
    let kept: LastGood = serde_json::from_slice(bytes).map_err(|error| unreadable(error.into()))?;
    if kept.schema == SCHEMA {
        Ok(kept)
    } else {
        Err(unreadable(format!("it has schema {}, this version knows {SCHEMA}", kept.schema).into()))
    }
}

fn unreadable(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Unavailable {
        operation: coxswain_store::Operation::Get,
        subject: PATH.to_owned(),
        in_doubt: false,
        source,
    }
}

/// Only text can have been taken.
fn keep(file: SourceFile) -> KeptFile {
    KeptFile { path: file.path, content: String::from_utf8_lossy(&file.content).into_owned() }
}

/// An object that stood and is not found, while something could not be read.
fn perhaps_gone(loaded: &Loaded) -> Wanted {
    let unread: &BTreeSet<String> = loaded.unread_files();
    let in_unread = |found: &&Diagnostic| unread.contains(&found.location.file);
    let diagnostics = loaded.diagnostics().iter().filter(in_unread).cloned().collect();
    Wanted::Blocked { reason: Reason::InvalidManifest, diagnostics }
}

fn count_text(diagnostics: &[Diagnostic]) -> String {
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    match errors.as_slice() {
        [] => "the manifests cannot be used".to_owned(),
        [only] => format!("{}: {}", only.location, only.message),
        [first, rest @ ..] => {
            format!("{}: {}, and {} more errors", first.location, first.message, rest.len())
        }
    }
}
