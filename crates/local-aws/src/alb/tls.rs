//! TLS of a listener: certificates by name, and what is made of a client's.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    client::verify_server_name,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, VerifierBuilderError,
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use x509_cert::{Certificate, der::Decode};

use crate::elb::{Balancing, Mutual, Tls, TrustStore, policy};

/// Longest chain of a client, the leaf counted. Source: the quotas' page.
const LONGEST_CHAIN: usize = 4;

/// Why a listener cannot do TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("it has no certificate that is there")]
    NoCertificate,
    #[error("its security policy is not known")]
    Policy,
    #[error("its trust store is gone")]
    NoStore,
    #[error("its trust store cannot be used")]
    Store(#[from] VerifierBuilderError),
    #[error("rustls refuses its settings")]
    Rustls(#[from] Error),
}

/// What a listener's handshakes go by.
pub(super) fn server_config(
    tls: &Tls,
    balancing: &Balancing,
    has_h2: bool,
) -> Result<ServerConfig, TlsError> {
    let state = balancing.state();
    let certificates = state.certificates(&tls.certificates);
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = policy(&tls.policy).ok_or(TlsError::Policy)?.versions();
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions)?;
    let resolver = Arc::new(ByName(certificates));
    let mut config = match &tls.mutual {
        Mutual::Off => builder.with_no_client_auth(),
        Mutual::Passthrough => builder.with_client_cert_verifier(Arc::new(AnyClient(provider))),
        Mutual::Verify { store, ignores_expiry, advertises } => {
            let store = state.store(store).ok_or(TlsError::NoStore)?;
            let inner = verifier_of(store, provider)?;
            let (ignores_expiry, advertises) = (*ignores_expiry, *advertises);
            builder.with_client_cert_verifier(Arc::new(OfStore { inner, ignores_expiry, advertises }))
        }
    }
    .with_cert_resolver(resolver);
    if tls.mutual != Mutual::Off {
        // As ALB: a session is not resumed, or a certificate that was revoked since would go on.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    let http1: &[&[u8]] = &[b"http/1.1"];
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    config.alpn_protocols = if has_h2 { both } else { http1 }.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn verifier_of(
    store: &TrustStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(store.authorities.iter().cloned());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(store.lists())
        // Authorities without a list have revoked nothing.
        .allow_unknown_revocation_status()
        .build()
}

/// The first certificate that is good for the name that a client asks for, or the default one.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let is_good = |key: &&Arc<CertifiedKey>| {
            let parsed = key.end_entity_cert().and_then(ParsedCertificate::try_from).ok();
            let names = parsed.zip(asked.as_ref());
            names.is_some_and(|(parsed, asked)| verify_server_name(&parsed, asked).is_ok())
        };
        self.0.iter().find(is_good).or(self.0.first()).cloned()
    }
}

/// Takes every client's certificate whose key the client has, and clients without one.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes clients' certificates that an authority of the trust store stands for.
#[derive(Debug)]
struct OfStore {
    inner: Arc<dyn ClientCertVerifier>,
    ignores_expiry: bool,
    advertises: bool,
}

impl ClientCertVerifier for OfStore {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        if self.advertises { self.inner.root_hint_subjects() } else { &[] }
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if others.len() >= LONGEST_CHAIN {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        match self.inner.verify_client_cert(leaf, others, now) {
            Err(Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) if self.ignores_expiry => {
                // Everything else has to be right as long as the leaf was valid.
                let last =
                    last_moment(leaf).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
                self.inner.verify_client_cert(leaf, others, last)
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The end of a certificate's life.
fn last_moment(leaf: &CertificateDer<'_>) -> Option<UnixTime> {
    let leaf: Certificate = Certificate::from_der(leaf.as_ref()).ok()?;
    Some(UnixTime::since_unix_epoch(leaf.tbs_certificate().validity().not_after.to_unix_duration()))
}
