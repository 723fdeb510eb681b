//! How an entry is kept: one line that says what it is, then the bytes as they are.
//!
//! ```text
//! coxswain-store 1 <path> <version> <sha256>
//! {"the":"bytes"}
//! ```
//! The checksum covers path, version and bytes, so a file that was moved, edited, cut short or never
//! was ours is told from an entry. `tail -n +2` shows the bytes.

use sha2::{Digest, Sha256};

use crate::{Entry, Path, Version};

const MAGIC: &str = "coxswain-store";
const FORMAT: &str = "1";

/// What is wrong with a stored entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It does not begin as an entry does.
    #[error("it does not begin with the line of an entry")]
    Foreign,
    /// It was written in a format that this program does not know.
    #[error("it has format {found}, this program knows {FORMAT}; a newer program has written it")]
    Format {
        /// The format it names.
        found: String,
    },
    /// It was put at another path: somebody has moved or copied it.
    #[error("it was put at `{found}`, not here")]
    Moved {
        /// The path it names.
        found: String,
    },
    /// Its checksum differs: it was edited, or not kept whole.
    #[error("its checksum does not match: it was edited or damaged")]
    Checksum,
}

/// The stored form of `bytes` at `path`.
pub(crate) fn seal(path: &Path, version: &Version, bytes: &[u8]) -> Vec<u8> {
    let sum = checksum(path.as_str(), version.as_str(), bytes);
    let mut sealed = format!("{MAGIC} {FORMAT} {path} {version} {sum}\n").into_bytes();
    sealed.extend_from_slice(bytes);
    sealed
}

/// The entry that `sealed` holds, if it is one and belongs at `path`.
pub(crate) fn open(path: &Path, sealed: &[u8]) -> Result<Entry, Damage> {
    let end = sealed.iter().position(|&byte| byte == b'\n').ok_or(Damage::Foreign)?;
    let (line, rest) = sealed.split_at_checked(end).ok_or(Damage::Foreign)?;
    let bytes = rest.get(1..).unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| Damage::Foreign)?;
    let mut words = line.split(' ');
    if words.next() != Some(MAGIC) {
        return Err(Damage::Foreign);
    }
    match words.next() {
        Some(FORMAT) => {}
        Some(found) => {
            return Err(Damage::Format { found: found.chars().take(20).collect() });
        }
        None => return Err(Damage::Foreign),
    }
    let (Some(found), Some(version), Some(sum), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Damage::Foreign);
    };
    if checksum(found, version, bytes) != sum {
        return Err(Damage::Checksum);
    }
    if found != path.as_str() {
        return Err(Damage::Moved { found: found.to_owned() });
    }
    Ok(Entry { bytes: bytes.to_vec(), version: Version::new(version) })
}

fn checksum(path: &str, version: &str, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    // Neither a path nor a version has a line feed in it, so no two triples hash the same text.
    for part in [path.as_bytes(), b"\n", version.as_bytes(), b"\n", bytes] {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (Path, Vec<u8>) {
        let path = Path::new("records/api").unwrap();
        let sealed = seal(&path, &Version::new("v1"), b"line one\nline two");
        (path, sealed)
    }

    #[test]
    fn what_was_sealed_opens_again() {
        let (path, sealed) = sealed();
        let entry = open(&path, &sealed).unwrap();
        assert_eq!((entry.bytes.as_slice(), entry.version.as_str()), (&b"line one\nline two"[..], "v1"));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let (path, sealed) = sealed();
        for end in 0..sealed.len() {
            assert!(open(&path, &sealed[..end]).is_err(), "cut at {end} was not noticed");
        }
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            assert!(open(&path, &flipped).is_err(), "a bit flipped at {index} was not noticed");
        }
    }

    #[test]
    fn damage_is_named_by_its_kind() {
        let (path, sealed) = sealed();
        let elsewhere = Path::new("records/web").unwrap();
        let newer = String::from_utf8(sealed.clone()).unwrap().replacen(" 1 ", " 2 ", 1);
        let mut longer = sealed.clone();
        longer.push(b'!');
        let cases: [(&Path, &[u8], Damage); 5] = [
            (&path, b"", Damage::Foreign),
            (&path, b"apiVersion: v1\n", Damage::Foreign),
            (&path, newer.as_bytes(), Damage::Format { found: "2".to_owned() }),
            (&elsewhere, &sealed, Damage::Moved { found: "records/api".to_owned() }),
            (&path, &longer, Damage::Checksum),
        ];
        for (at, bytes, damage) in cases {
            assert_eq!(open(at, bytes), Err(damage));
        }
    }
}
