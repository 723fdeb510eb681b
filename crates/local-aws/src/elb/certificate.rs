//! Server certificates: what AWS Certificate Manager would hold.

use std::{collections::BTreeMap, sync::Arc};

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{Balancing, State};
use crate::error::ApiError;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificates are no PEM, or there is none.
    #[error("there is no certificate in PEM form")]
    Chain,
    /// The key is no PEM, or of a kind that is not known.
    #[error("there is no private key in PEM form")]
    Key,
    /// Key and certificate do not belong together, or the key cannot be used.
    #[error("the certificate cannot be served")]
    Pair(#[source] rustls::Error),
}

/// Certificates by their ARNs.
#[derive(Default)]
pub(super) struct Certificates(BTreeMap<String, Arc<CertifiedKey>>);

impl std::fmt::Debug for Certificates {
    /// Names only: there are keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Certificates {
    /// Whether there is one of that ARN.
    pub(super) fn check(&self, arn: &str) -> Result<(), ApiError> {
        if self.0.contains_key(arn) {
            return Ok(());
        }
        Err(ApiError::new("CertificateNotFound", format!("Certificate ARN '{arn}' is not valid")))
    }
}

impl State {
    /// The certificates of a listener that are there, the default one first.
    pub(crate) fn certificates(&self, arns: &[String]) -> Vec<Arc<CertifiedKey>> {
        arns.iter().filter_map(|arn| self.certificates.0.get(arn).cloned()).collect()
    }
}

impl Balancing {
    /// Has a certificate under an ARN, in the place of one that was there.
    pub(crate) fn put_certificate(
        &self,
        arn: &str,
        chain: &[u8],
        key: &[u8],
    ) -> Result<(), CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::Chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::Key)?;
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(CertificateError::Pair)?;
        self.state().certificates.0.insert(arn.to_owned(), Arc::new(certified));
        self.changed.notify_one();
        Ok(())
    }
}
