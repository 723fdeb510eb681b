//! Which manifests stand: all of a set or none of it, the last good one across restarts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use coxswain_manifest::{BundleDigest, Diagnostic, Key, Loaded, Severity};
use coxswain_plan::Reason;
use coxswain_runtime::Clock;
use coxswain_store::{Store, StoreError};

use super::{
    ReadError, Reading, Verification,
    candidate::{Candidate, Expected, Origin},
    last_good::{Content, LastGood},
    refusal::{Refusal, count_text},
};
use crate::{
    aws::Aws,
    desired::Wanted,
    report::{Accepted, SourceReport},
    resolve::{References, StoredValue, resolve},
};

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
    /// How often what references stand for is looked up again; nothing where that is not asked for.
    pub refresh: Option<Duration>,
    /// What is said of it.
    pub report: SourceReport,
}

/// What stands, without the texts and trees that it was read from: a thousand of them weigh more than all
/// else.
#[derive(Debug)]
struct Standing {
    environment: Option<String>,
    digest: BundleDigest,
    origin: Option<Origin>,
    verification: Option<Verification>,
    diagnostics: Vec<Diagnostic>,
    is_whole: bool,
    references: References,
    refresh: Option<Duration>,
    number: (u64, u64),
    /// References that stand for something else than at the number before.
    changed: Vec<String>,
    objects: BTreeMap<Key, Wanted>,
}

/// `<bundle sequence>.<input number>`.
fn revision((sequence, input): (u64, u64)) -> String {
    format!("{sequence}.{input}")
}

/// Decides which manifests stand.
///
/// # Guarantees
/// - A set with an error, an empty one and one that cannot be read are not taken, nor is a bundle that is
///   torn, changed, older than what stands or another environment's: the last good one stands, also after
///   a restart.
/// - Object by object (which `cox dev` alone asks for) an object with errors is blocked and the others go
///   on; an object that only may have gone is blocked and not called gone.
/// - A set is numbered and kept before it is acted on. Its references are looked up once; those that a
///   bundle brings along are used as they were published. Only where the Environment asks for it are they
///   looked up again, and what has changed makes another number of inputs.
/// - No text of the manifests stays in memory once they are taken or refused.
#[derive(Debug)]
pub struct Bundles {
    store: Arc<dyn Store>,
    aws: Arc<dyn Aws>,
    clock: Arc<dyn Clock>,
    expected: Expected,
    standing: Option<Standing>,
    /// Why the last reading was not taken, where it was not.
    refusal: Option<Refusal>,
    /// A reading that is to be tried again.
    unfinished: Option<Reading>,
}

impl Bundles {
    /// Keeps in `store` what is taken.
    pub fn new(store: Arc<dyn Store>, aws: Arc<dyn Aws>, clock: Arc<dyn Clock>, expected: Expected) -> Self {
        Self { store, aws, clock, expected, standing: None, refusal: None, unfinished: None }
    }

    /// Takes a reading, if it can be used, and says what stands.
    pub async fn take(&mut self, read: Result<Reading, ReadError>) -> Taken {
        self.unfinished = None;
        let taken = match read {
            Ok(reading) => self.accept(reading).await,
            Err(error) => Err(Refusal::from(&error)),
        };
        self.refusal = taken.err();
        self.stand_on_last_good().await;
        self.taken()
    }

    /// Tries once more what was unfinished.
    pub async fn again(&mut self) -> Taken {
        if let Some(reading) = self.unfinished.take() {
            return self.take(Ok(reading)).await;
        }
        let is_complete = self.standing.as_ref().is_none_or(|standing| standing.references.is_complete());
        if self.standing.is_none() {
            self.stand_on_last_good().await;
        } else if !is_complete && let Err(error) = self.restore().await {
            tracing::warn!(error = %crate::status::chain(&error), reason = "Unavailable", "the last good manifests cannot be read");
        }
        self.taken()
    }

    /// Looks up again what the references of what stands stand for. Nothing where they stand for the same, or
    /// cannot be looked up: a value that was found stays until another one is.
    pub async fn refresh(&mut self) -> Option<Taken> {
        self.refresh_interval()?;
        match self.renew().await {
            Ok(true) => Some(self.taken()),
            Ok(false) => None,
            Err(error) => {
                let error = crate::status::chain(&error);
                tracing::warn!(error, reason = "Unavailable", "references cannot be looked up again now");
                None
            }
        }
    }

    /// How often that is to be done; nothing where it is not asked for.
    pub fn refresh_interval(&self) -> Option<Duration> {
        self.standing.as_ref()?.refresh
    }

    /// Whether anything has changed.
    ///
    /// Die before the write: the old values stand. Die after it: the new ones stand at the next start. Never
    /// hear back: the next turn finds the same change, or that it is kept.
    async fn renew(&mut self) -> Result<bool, StoreError> {
        let (Some(mut kept), version) = LastGood::read(self.store.as_ref()).await? else { return Ok(false) };
        let Ok(candidate) = Candidate::restored(&kept, &self.expected) else { return Ok(false) };
        let mut fresh = References::default();
        fresh.look_up(&candidate.loaded, self.aws.as_ref()).await;
        let before = &kept.head.parameters;
        let differs =
            |(name, value): &(&String, &StoredValue)| before.get(*name).is_some_and(|old| old != *value);
        let changed: Vec<String> =
            fresh.found().iter().filter(differs).map(|(name, _)| name.clone()).collect();
        if changed.is_empty() {
            return Ok(false);
        }
        kept.head.parameters.extend(fresh.found().clone());
        kept.head.input = kept.head.input.saturating_add(1);
        kept.write(self.store.as_ref(), version).await?;
        let number = (kept.head.sequence, kept.head.input);
        let mut references = References::known(kept.head.parameters);
        references.look_up(&candidate.loaded, self.aws.as_ref()).await;
        let origin = candidate.content.origin();
        let stood = self.stand(&candidate.loaded, origin, candidate.verification, references, number);
        if let (Ok(()), Some(standing)) = (&stood, &mut self.standing) {
            standing.changed = changed;
        }
        Ok(stood.is_ok())
    }

    async fn accept(&mut self, reading: Reading) -> Result<(), Refusal> {
        let candidate = Candidate::judge(reading.clone(), &self.expected)?;
        let seen = candidate.loaded.bundle_digest().clone();
        let kept = self.keep(candidate).await;
        kept.map_err(|refusal| {
            if refusal.is_unfinished {
                self.unfinished = Some(reading);
            }
            Refusal { seen: Some(seen), ..refusal }
        })
    }

    /// Numbers a candidate, keeps it and stands on it.
    ///
    /// Die before the write: the old one stands. Die after it: the new one stands at the next start. Never
    /// hear back: the same reading is tried again, and finds itself kept.
    async fn keep(&mut self, candidate: Candidate) -> Result<(), Refusal> {
        let of_store = |error: &StoreError| Refusal::of_store(error);
        let (kept, version) = LastGood::read(self.store.as_ref()).await.map_err(|error| of_store(&error))?;
        if let (Content::Bundle(bundle), Some(standing)) =
            (&candidate.content, kept.as_ref().and_then(LastGood::standing_bundle))
        {
            bundle.follows(&standing)?;
        }
        let same = kept.as_ref().filter(|kept| candidate.is(kept));
        let known = same.map_or_else(|| candidate.parameters(), |kept| kept.head.parameters.clone());
        let mut references = References::known(known);
        references.look_up(&candidate.loaded, self.aws.as_ref()).await;

        let number = (candidate.sequence(kept.as_ref()), same.map_or(0, |kept| kept.head.input));
        let Candidate { loaded, content, verification } = candidate;
        let origin = content.origin();
        let digest = loaded.bundle_digest().to_string();
        let next = LastGood::new(content, digest, number, references.found().clone());
        if kept.as_ref() != Some(&next) {
            next.write(self.store.as_ref(), version).await.map_err(|error| of_store(&error))?;
        }
        self.stand(&loaded, origin, verification, references, number)
            .map_err(|diagnostics| Refusal::invalid(&diagnostics))
    }

    fn stand(
        &mut self,
        loaded: &Loaded,
        origin: Option<Origin>,
        verification: Option<Verification>,
        references: References,
        number: (u64, u64),
    ) -> Result<(), Vec<Diagnostic>> {
        let mut objects = resolve(loaded, &references, &revision(number))?;
        if !loaded.unread_files().is_empty() {
            let before = self.standing.as_ref().map(|standing| &standing.objects);
            for key in before.into_iter().flat_map(BTreeMap::keys) {
                objects.entry(key.clone()).or_insert_with(|| perhaps_gone(loaded));
            }
        }
        self.standing = Some(Standing {
            environment: loaded.environment().map(|environment| environment.name.clone()),
            digest: loaded.bundle_digest().clone(),
            origin,
            verification,
            diagnostics: loaded.diagnostics().to_vec(),
            is_whole: loaded.unread_files().is_empty(),
            references,
            refresh: refresh(loaded),
            number,
            changed: Vec::new(),
            objects,
        });
        Ok(())
    }

    /// Where nothing stands yet: brings back what was taken last before a restart.
    async fn stand_on_last_good(&mut self) {
        if self.standing.is_some() {
            return;
        }
        if let (Err(error), Some(refusal)) = (self.restore().await, &mut self.refusal) {
            let cause = crate::status::chain(&error);
            refusal.message = format!("{}; nor can the last good ones be read: {cause}", refusal.message);
            refusal.is_unfinished = true;
        }
    }

    /// Stands on what is kept, and looks up what its references lack.
    async fn restore(&mut self) -> Result<(), StoreError> {
        let (Some(mut kept), version) = LastGood::read(self.store.as_ref()).await? else { return Ok(()) };
        let candidate = match Candidate::restored(&kept, &self.expected) {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::error!(error, reason = "BundleTampered", "the last good manifests cannot be used");
                return Ok(());
            }
        };
        let mut references = References::known(kept.head.parameters.clone());
        references.look_up(&candidate.loaded, self.aws.as_ref()).await;
        if *references.found() != kept.head.parameters {
            kept.head.parameters = references.found().clone();
            kept.write(self.store.as_ref(), version).await?;
        }
        let number = (kept.head.sequence, kept.head.input);
        let origin = candidate.content.origin();
        let stood = self.stand(&candidate.loaded, origin, candidate.verification, references, number);
        if stood.is_err() {
            tracing::error!(reason = "InvalidManifest", "the last good manifests are no longer understood");
        }
        Ok(())
    }

    /// What stands, and what is said of the last reading.
    fn taken(&self) -> Taken {
        let standing = self.standing.as_ref();
        let objects = standing.map(|standing| standing.objects.clone());
        let is_complete = standing.is_none_or(|standing| standing.references.is_complete());
        let is_refused_for_now = self.refusal.as_ref().is_some_and(|refusal| refusal.is_unfinished);
        Taken {
            environment: standing.and_then(|standing| standing.environment.clone()),
            is_whole: standing.is_some_and(|standing| standing.is_whole),
            is_unfinished: is_refused_for_now || !is_complete,
            refresh: standing.and_then(|standing| standing.refresh),
            report: self.report(objects.iter().flat_map(BTreeMap::keys).cloned().collect()),
            objects,
        }
    }

    fn report(&self, objects: Vec<Key>) -> SourceReport {
        let standing = self.standing.as_ref();
        let accepted = standing.map(|standing| Accepted {
            revision: revision(standing.number),
            digest: standing.digest.clone(),
            sequence: standing.number.0,
            changed: standing.changed.clone(),
            origin: standing.origin.clone(),
            verification: standing.verification.clone(),
        });
        let report = SourceReport {
            at: self.clock.now(),
            from: self.expected.from.clone(),
            is_ready: true,
            reason: Reason::SourceRead,
            message: "the manifests were read and are valid".to_owned(),
            diagnostics: Vec::new(),
            seen: standing.map(|standing| standing.digest.clone()),
            refused: None,
            accepted,
            objects,
        };
        if let Some(refusal) = self.refusal.clone() {
            let stands = if standing.is_some() { "the last good ones stand" } else { "nothing stands yet" };
            return SourceReport {
                is_ready: false,
                reason: refusal.reason,
                message: format!("{}; {stands}", refusal.message),
                diagnostics: refusal.diagnostics,
                seen: refusal.seen,
                refused: refusal.bundle,
                ..report
            };
        }
        let diagnostics = standing.map(|standing| standing.diagnostics.clone()).unwrap_or_default();
        if diagnostics.iter().any(|found| found.severity == Severity::Error) {
            let message = format!("{}; objects without errors go on", count_text(&diagnostics));
            return SourceReport {
                is_ready: false,
                reason: Reason::InvalidManifest,
                message,
                diagnostics,
                ..report
            };
        }
        SourceReport { diagnostics, ..report }
    }
}

fn refresh(loaded: &Loaded) -> Option<Duration> {
    let seconds = loaded.environment()?.refresh_seconds?;
    Some(Duration::from_secs(u64::from(seconds)))
}

/// An object that stood and is not found, while something could not be read.
fn perhaps_gone(loaded: &Loaded) -> Wanted {
    let unread: &BTreeSet<String> = loaded.unread_files();
    let in_unread = |found: &&Diagnostic| unread.contains(&found.location.file);
    let diagnostics = loaded.diagnostics().iter().filter(in_unread).cloned().collect();
    Wanted::Blocked { reason: Reason::InvalidManifest, diagnostics }
}
