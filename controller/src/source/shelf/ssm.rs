//! Bundles in parameters of Systems Manager.
//!
//! ```text
//! <path>/pointers/8                          {"pointer":1,"environment":"prod","sequence":8,…}
//! <path>/bundles/8-<digest>/0001-0013        the bundle, compressed, in pieces
//! <path>/bundles/8-<digest>/0002-0013        …
//! ```
//! PutParameter has no condition on what it overwrites, but it creates a parameter only once. So nothing is
//! overwritten: each sequence has a pointer of its own, the highest one counts, and of two publishers of
//! the same sequence one creates it and the other is told.
//!
//! By hand: `aws ssm get-parameters-by-path --path <path>/bundles/8-<digest>`, the values joined in the
//! order of their names, `base64 -d | gunzip`.

mod piece;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use coxswain_manifest::{Bundle, Pointer};
use serde_json::{Value, json};

use self::piece::{MOST_PIECES, Pieces};
use super::{Keep, Kept, Look, Mark, Moved, Shelf, ShelfError};
use crate::aws::{Aws, AwsError, Failure, Operation};

/// The most names that DeleteParameters takes.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html>
const DELETED_AT_ONCE: usize = 10;

/// The most bundles that are kept, however many are asked for: their pointers have to fit into one page of ten,
/// which is what a look costs, and the pieces of large ones into the 10,000 parameters of an account and Region.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/ssm.html>
const MOST_KEPT: usize = 5;

/// The most pages of ten that are read: a path with more holds something else.
const PAGES_AT_MOST: usize = 1_000;

/// Bundles in parameters of Systems Manager.
#[derive(Debug, Clone)]
pub struct SsmShelf<A> {
    aws: A,
    path: String,
}

/// A parameter as a listing shows it.
struct Parameter {
    name: String,
    value: String,
    version: u64,
    /// When it was written, by Systems Manager's own clock. Units: seconds since 1970.
    modified: Option<f64>,
}

impl<A: Aws> SsmShelf<A> {
    /// The bundles under this path, which begins with a slash and does not end with one.
    pub fn new(aws: A, path: impl Into<String>) -> Self {
        Self { aws, path: path.into() }
    }

    /// Every parameter under a path, by pages.
    ///
    /// A page may be empty and still not be the last.
    /// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>
    async fn under(&self, path: &str) -> Result<Vec<Parameter>, AwsError> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let mut input = json!({"Path": path, "Recursive": true, "WithDecryption": false});
            if let (Some(token), Some(input)) = (token, input.as_object_mut()) {
                input.insert("NextToken".to_owned(), token.into());
            }
            let answer = self.aws.call(Operation::GetParametersByPath, input).await?;
            let listed = answer.get("Parameters").and_then(Value::as_array);
            found.extend(listed.into_iter().flatten().filter_map(parameter));
            match answer.get("NextToken").and_then(Value::as_str) {
                None | Some("") => return Ok(found),
                Some(next) => token = Some(next.to_owned()),
            }
        }
        let message = format!("{path} has more parameters than bundles have");
        Err(AwsError::unanswered(Operation::GetParametersByPath, false, message))
    }

    /// The pointers by their sequence.
    async fn pointers(&self) -> Result<BTreeMap<u64, Parameter>, AwsError> {
        let folder = format!("{}/pointers", self.path);
        let found = self.under(&folder).await?.into_iter();
        let numbered = found.filter_map(|parameter| {
            let number = parameter.name.strip_prefix(&folder)?.strip_prefix('/')?;
            // One spelling only: 08 would be another parameter of the same number.
            let sequence: u64 = number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)?;
            Some((sequence, parameter))
        });
        Ok(numbered.collect())
    }

    async fn put(&self, name: String, value: &str, overwrite: bool) -> Result<(), AwsError> {
        let input = json!({
            "Name": name, "Value": value, "Type": "String", "Tier": "Standard", "Overwrite": overwrite,
        });
        self.aws.call(Operation::PutParameter, input).await.map(drop)
    }
}

fn parameter(value: &Value) -> Option<Parameter> {
    let text = |member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
    let version = value.get("Version").and_then(Value::as_u64).unwrap_or_default();
    let modified = value.get("LastModifiedDate").and_then(Value::as_f64);
    Some(Parameter { name: text("Name")?, value: text("Value").unwrap_or_default(), version, modified })
}

/// Where the bundle of that pointer is kept: `bundles/8-0123456789abcdef`. The sequence stands in front, so
/// that what is older than the pointer can be removed without asking who is still writing.
fn key(pointer: &Pointer) -> String {
    let digest: String = pointer.digest.hexadecimal().chars().take(16).collect();
    format!("bundles/{}-{digest}", pointer.sequence)
}

/// The sequence in a name under `<path>/bundles`.
fn sequence_of(folder: &str, name: &str) -> Option<u64> {
    let (sequence, _) = name.strip_prefix(folder)?.strip_prefix('/')?.split_once('-')?;
    sequence.parse().ok()
}

#[async_trait]
impl<A: Aws> Shelf for SsmShelf<A> {
    fn describe(&self) -> String {
        format!("ssm:{}", self.path)
    }

    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError> {
        let Some((taken, newest)) = self.pointers().await?.pop_last() else { return Ok(Look::Nothing) };
        let mark = Mark::new(format!("{}:{}", newest.name, newest.version));
        if known == Some(&mark) {
            return Ok(Look::Unchanged);
        }
        Ok(Look::Found { bytes: newest.value.into_bytes(), mark, taken })
    }

    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError> {
        let folder = format!("{}/{}", self.path, pointer.key);
        let found = self.under(&folder).await?.into_iter();
        let pieces = found.filter_map(|parameter| {
            let name = parameter.name.strip_prefix(&folder)?.strip_prefix('/')?;
            Some((name.to_owned(), parameter.value))
        });
        Ok(piece::join(pieces.collect()))
    }

    /// Die within it, or never hear back: some pieces are there, nothing leads to them, and the next attempt
    /// writes the same ones again. Each is named by its place and their number, so that no reader takes some
    /// for all.
    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError> {
        let pointer = Pointer::to(bundle);
        let pointer = Pointer { key: key(&pointer), ..pointer };
        let pieces = Pieces::of(&bundle.to_bytes());
        if pieces.len() > MOST_PIECES {
            let why = format!(
                "it would take {} parameters of the standard tier, and {MOST_PIECES} are the limit here; publish \
                 to S3",
                pieces.len()
            );
            return Err(ShelfError::TooLarge { place: self.describe(), why });
        }
        // A large bundle takes minutes at the rate that Systems Manager allows: an attempt goes on where the
        // one before it broke off.
        let folder = format!("{}/{}", self.path, pointer.key);
        let there = self.under(&folder).await?.into_iter();
        let there: BTreeMap<String, String> = there.map(|found| (found.name, found.value)).collect();
        for (name, value) in pieces.iter() {
            let name = format!("{folder}/{name}");
            if there.get(&name).is_none_or(|found| found != value) {
                self.put(name, value, true).await?;
            }
        }
        Ok(pointer)
    }

    /// Die before it: the old pointer stands. Die after it: the new one stands. Never hear back: the caller
    /// looks.
    async fn move_pointer(&self, pointer: &Pointer, _: Option<&Mark>) -> Result<Moved, ShelfError> {
        let name = format!("{}/pointers/{}", self.path, pointer.sequence);
        let bytes = pointer.to_bytes();
        let created = self.put(name, &String::from_utf8_lossy(&bytes), false).await;
        match created {
            Err(AwsError { failure: Failure::Conflict { .. }, .. }) => return Ok(Moved::Overtaken),
            created => created?,
        }
        // A publisher that slept for long may create what was there once and was removed since: then there
        // are later ones.
        let newest = self.pointers().await?.pop_last();
        let is_newest = newest.is_some_and(|(sequence, _)| sequence == pointer.sequence);
        Ok(if is_newest { Moved::Done } else { Moved::Overtaken })
    }

    /// What is later than the pointer is somebody's who is still writing.
    async fn tidy(&self, pointer: &Pointer, keep: &Keep) -> Result<(), ShelfError> {
        let keep = Keep { newest: keep.newest.clamp(2, MOST_KEPT), ..*keep };
        let pointers = self.pointers().await?;
        let ours = pointers.iter().rev().filter(|(sequence, _)| **sequence <= pointer.sequence);
        let dated = ours.filter_map(|(sequence, parameter)| Some((parameter.modified?, *sequence))).collect();
        let outdated: BTreeSet<u64> =
            keep.outdated(dated, |sequence| *sequence == pointer.sequence).into_iter().collect();
        let first_kept = pointers.keys().find(|sequence| !outdated.contains(sequence)).copied();
        let Some(first_kept) = first_kept.filter(|_| !outdated.is_empty()) else { return Ok(()) };
        let folder = format!("{}/bundles", self.path);
        let pieces = self.under(&folder).await?.into_iter().map(|parameter| parameter.name);
        let pieces = pieces.filter(|name| sequence_of(&folder, name).is_some_and(|found| found < first_kept));
        // Pointers first: none leads to a bundle of which pieces are gone.
        let names = pointers.into_iter().filter(|(sequence, _)| *sequence < first_kept);
        let names: Vec<String> = names.map(|(_, parameter)| parameter.name).chain(pieces).collect();
        for names in names.chunks(DELETED_AT_ONCE) {
            self.aws.call(Operation::DeleteParameters, json!({ "Names": names })).await?;
        }
        Ok(())
    }
}
