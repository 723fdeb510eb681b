//! A bundle's bytes: the header that says what follows, and the body in canonical JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Refusal;
use super::{BundleDigest, BundleError, BundleFault, ContentDigest, Provenance};
use crate::load::Loaded;
use crate::resolved::ParameterValue;
use crate::source::SourceFile;

/// The most that a bundle's body may have, in bytes: some twenty thousand services of 3 kB. It bounds what
/// a reader of a hostile object has to hold in memory.
pub const MAX_BUNDLE_BYTES: usize = 64 * 1024 * 1024;

/// The longest header, in bytes: most of it is room for a signature.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// The format that this version writes and reads.
const FORMAT: u64 = 1;

/// A detached signature, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signature {
    /// Which key made it.
    pub key_id: String,
    /// How: `ECDSA_SHA_256`.
    pub algorithm: String,
    /// The signature itself, in base64.
    pub value: String,
}

/// The first line. The order of its members is part of the format.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    bundle: u64,
    pub(super) digest: ContentDigest,
    /// The body's length, without its line feed.
    bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<Signature>,
}

/// What a bundle says, apart from its own digest and signature. The order of its members is part of the
/// format: the alphabet's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    author: Option<String>,
    commit: Option<String>,
    documents: Vec<Document>,
    pub(super) environment: String,
    files: Vec<File>,
    message: Option<String>,
    parameters: BTreeMap<String, Parameter>,
    pub(super) sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Parameter {
    String(String),
    StringList(Vec<String>),
}

/// A document as the publisher read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Its canonical JSON: keys sorted, numbers as strings in the spelling of the source.
    content: Value,
    file: String,
    /// Where it begins, from 1.
    line: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    text: String,
}

/// The bytes of a body under its header.
pub(super) fn to_bytes(json: &str, digest: &ContentDigest, signature: Option<&Signature>) -> Vec<u8> {
    let header =
        Header { bundle: FORMAT, digest: digest.clone(), bytes: json.len(), signature: signature.cloned() };
    format!("{}\n{json}\n", json_of(&header)).into_bytes()
}

/// The header, and the bytes of a body that is as long as it says.
pub(super) fn split<'a>(refusal: &Refusal<'a>) -> Result<(Header, &'a [u8]), BundleError> {
    let bytes = refusal.bytes;
    let nameless = |fault| refusal.because(None, fault);
    if bytes.len() > MAX_BUNDLE_BYTES.saturating_add(MAX_HEADER_BYTES) {
        return Err(nameless(BundleFault::TooLarge { bytes: bytes.len() }));
    }
    let start = bytes.get(..MAX_HEADER_BYTES).unwrap_or(bytes);
    let end = start.iter().position(|byte| *byte == b'\n');
    let Some((line, rest)) = end.and_then(|end| bytes.split_at_checked(end)) else {
        return Err(nameless(BundleFault::NoBundle));
    };
    let header = header(line).map_err(nameless)?;
    let refuse = |fault| refusal.because(Some(header.digest.clone()), fault);
    if header.bytes > MAX_BUNDLE_BYTES {
        return Err(refuse(BundleFault::TooLarge { bytes: header.bytes }));
    }
    let rest = rest.get(1..).unwrap_or_default();
    match rest.split_at_checked(header.bytes) {
        Some((body, b"\n")) => Ok((header, body)),
        Some((_, [])) | None => Err(refuse(BundleFault::Torn { found: rest.len(), expected: header.bytes })),
        Some(_) => Err(refuse(BundleFault::Overlong { expected: header.bytes })),
    }
}

fn header(line: &[u8]) -> Result<Header, BundleFault> {
    let members: Value = serde_json::from_slice(line).map_err(|_| BundleFault::NoBundle)?;
    match members.get("bundle").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(found) => return Err(BundleFault::Format { found }),
        None => return Err(BundleFault::NoBundle),
    }
    let header: Header = serde_json::from_slice(line).map_err(|_| BundleFault::NoBundle)?;
    // Another spelling of the same header is not what was written.
    if json_of(&header).as_bytes() == line { Ok(header) } else { Err(BundleFault::NoBundle) }
}

impl Body {
    pub(super) fn new(
        environment: String,
        sequence: u64,
        provenance: Provenance,
        loaded: &Loaded,
        documents: Vec<(String, u32, String)>,
        parameters: &BTreeMap<String, ParameterValue>,
    ) -> Self {
        let mut names = loaded.parameter_names();
        names.extend(loaded.image_names().iter().map(ToString::to_string));
        let known = |(name, value): (&String, &ParameterValue)| {
            let value = match value {
                ParameterValue::String(text) => Parameter::String(text.clone()),
                ParameterValue::StringList(items) => Parameter::StringList(items.clone()),
                ParameterValue::Unavailable(_) => return None,
            };
            names.contains(name).then(|| (name.clone(), value))
        };
        let document = |(file, line, json): (String, u32, String)| Document {
            content: serde_json::from_str(&json).unwrap_or_default(),
            file,
            line,
        };
        let mut documents: Vec<Document> = documents.into_iter().map(document).collect();
        documents.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        let file = |(_, path, text): (_, &str, &str)| File { path: path.to_owned(), text: text.to_owned() };
        let Provenance { commit, author, message } = provenance;
        Self {
            author,
            commit,
            documents,
            environment,
            files: loaded.sources().iter().map(file).collect(),
            message,
            parameters: parameters.iter().filter_map(known).collect(),
            sequence,
        }
    }

    /// Reads a body whose digest has been checked.
    pub(super) fn parse(json: &[u8]) -> Result<Self, BundleFault> {
        let malformed = |why: String| BundleFault::Malformed { why };
        let body: Self = serde_json::from_slice(json).map_err(|error| {
            // The parser's own text may quote a value.
            malformed(format!("{:?} error at column {}", error.classify(), error.column()).to_lowercase())
        })?;
        if body.sequence == 0 {
            return Err(malformed("its sequence is 0".to_owned()));
        }
        let is_sorted = body.files.is_sorted_by(|one, other| one.path < other.path);
        if !is_sorted || body.to_json().as_bytes() != json {
            return Err(malformed("it is not in canonical form".to_owned()));
        }
        Ok(body)
    }

    /// The canonical form.
    pub(super) fn to_json(&self) -> String {
        json_of(self)
    }

    pub(super) fn provenance(&self) -> Provenance {
        let Self { commit, author, message, .. } = self;
        Provenance { commit: commit.clone(), author: author.clone(), message: message.clone() }
    }

    pub(super) fn source_files(&self) -> Vec<SourceFile> {
        let file =
            |file: &File| SourceFile { path: file.path.clone(), content: file.text.clone().into_bytes() };
        self.files.iter().map(file).collect()
    }

    /// The digest of the documents as the publisher read them.
    pub(super) fn documents_digest(&self) -> BundleDigest {
        let document =
            |document: &Document| (document.file.clone(), document.line, document.content.to_string());
        BundleDigest::of(self.documents.iter().map(document).collect())
    }

    pub(super) fn parameter_values(&self) -> BTreeMap<String, ParameterValue> {
        let value = |value: &Parameter| match value {
            Parameter::String(text) => ParameterValue::String(text.clone()),
            Parameter::StringList(items) => ParameterValue::StringList(items.clone()),
        };
        self.parameters.iter().map(|(name, found)| (name.clone(), value(found))).collect()
    }
}

/// The JSON of a value that has nothing in it which JSON has not: texts, numbers, lists, maps by text.
fn json_of<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
