//! Mutual TLS of a listener.

use serde_json::{Value, json};

use super::{
    State,
    error::{self, invalid, not_done},
};
use crate::{ecs::Members, error::ApiError};

/// What a listener does with client certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Mutual {
    /// It asks for none.
    #[default]
    Off,
    /// It asks for one, and passes on what it gets without a look at it.
    Passthrough,
    /// It takes only those of the trust store.
    Verify {
        /// The trust store's ARN.
        store: String,
        /// `IgnoreClientCertificateExpiry`.
        ignores_expiry: bool,
        /// `AdvertiseTrustStoreCaNames`.
        advertises: bool,
    },
}

impl Mutual {
    /// Source: the API's description of `MutualAuthenticationAttributes`.
    pub(super) fn read(mutual: &Value, state: &State) -> Result<Self, ApiError> {
        if !mutual.items("ClientCertificateIdentityFilters").is_empty() {
            return Err(not_done("ClientCertificateIdentityFilters"));
        }
        let mode = mutual.text("Mode").unwrap_or("off");
        if mode != "verify" {
            for member in ["TrustStoreArn", "IgnoreClientCertificateExpiry", "AdvertiseTrustStoreCaNames"] {
                if mutual.member(member).is_some() {
                    return Err(invalid(format!(
                        "{member} can only be specified for the mutual authentication mode 'verify'"
                    )));
                }
            }
        }
        match mode {
            "off" => Ok(Self::Off),
            "passthrough" => Ok(Self::Passthrough),
            "verify" => {
                let store = mutual.text("TrustStoreArn").ok_or_else(|| {
                    invalid("A trust store ARN must be specified for the mutual authentication mode 'verify'")
                })?;
                if !state.stores.contains_key(store) {
                    return Err(error::no_store(store));
                }
                Ok(Self::Verify {
                    store: store.to_owned(),
                    ignores_expiry: mutual.flag("IgnoreClientCertificateExpiry") == Some(true),
                    advertises: mutual.text("AdvertiseTrustStoreCaNames") == Some("on"),
                })
            }
            other => Err(invalid(format!(
                "Mutual authentication mode '{other}' must be one of 'off', 'passthrough' and 'verify'"
            ))),
        }
    }

    pub(super) fn show(&self) -> Value {
        match self {
            Self::Off => json!({"Mode": "off"}),
            Self::Passthrough => json!({"Mode": "passthrough"}),
            Self::Verify { store, ignores_expiry, advertises } => json!({
                "Mode": "verify",
                "TrustStoreArn": store,
                "TrustStoreAssociationStatus": "active",
                "IgnoreClientCertificateExpiry": ignores_expiry,
                "AdvertiseTrustStoreCaNames": if *advertises { "on" } else { "off" },
            }),
        }
    }

    /// The trust store that it needs.
    pub(super) fn store(&self) -> Option<&str> {
        match self {
            Self::Verify { store, .. } => Some(store),
            Self::Off | Self::Passthrough => None,
        }
    }
}
