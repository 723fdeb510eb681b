//! What stands in the store for a lease.

use serde::{Deserialize, Serialize};

/// The layout that this version writes and reads.
const SCHEMA: u32 = 1;

/// A lease's record. There is no time in it: nobody compares clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    schema: u32,
    /// How often the lease has changed hands, this holder included.
    pub(super) epoch: u64,
    /// Who holds it; nobody after a release.
    pub(super) holder: Option<String>,
    /// How often this holder has renewed it.
    pub(super) beat: u64,
}

/// A record that this version cannot read. It is never overwritten.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the lease's record has schema {found}, and this version knows {SCHEMA}")]
    Schema { found: u32 },
    #[error("the lease's record is none: {0}")]
    Syntax(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

impl Record {
    pub(super) fn new(epoch: u64, holder: Option<String>, beat: u64) -> Self {
        Self { schema: SCHEMA, epoch, holder, beat }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Numbers and a text: there is nothing that JSON could not say.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let Schema { schema } = serde_json::from_slice(bytes)?;
        if schema != SCHEMA {
            return Err(Unreadable::Schema { found: schema });
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_bytes_and_a_newer_one_is_refused_by_its_number() {
        let record = Record::new(3, Some("one".to_owned()), 9);
        assert_eq!(record.to_bytes(), br#"{"schema":1,"epoch":3,"holder":"one","beat":9}"#);
        assert_eq!(Record::parse(&record.to_bytes()).unwrap(), record);
        let newer = Record::parse(br#"{"schema":2,"term":3}"#).unwrap_err();
        assert_eq!(newer.to_string(), "the lease's record has schema 2, and this version knows 1");
        assert!(Record::parse(b"").is_err() && Record::parse(br#"{"schema":1}"#).is_err());
    }
}
