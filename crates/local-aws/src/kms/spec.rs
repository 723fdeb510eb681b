//! Key specs and signing algorithms: which goes with which.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html>

use aws_lc_rs::{
    digest::{self, SHA256, SHA384, SHA512},
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
        ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaSigningAlgorithm,
        EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
        RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
    },
};

/// What a key is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spec {
    /// `SYMMETRIC_DEFAULT`: AES with 256 bits.
    Symmetric,
    /// A pair of keys that signs.
    Elliptic(&'static Curve),
    /// The same, of so many bits.
    Rsa(&'static Rsa),
}

/// An elliptic curve, with the one algorithm that KMS has for it.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) spec: &'static str,
    pub(super) algorithm: [&'static str; 1],
    pub(super) digest: &'static digest::Algorithm,
    pub(super) signing: &'static EcdsaSigningAlgorithm,
    pub(super) verifying: &'static EcdsaVerificationAlgorithm,
}

/// An RSA key's size.
#[derive(Debug)]
pub(super) struct Rsa {
    pub(super) spec: &'static str,
    pub(super) size: KeySize,
}

const CURVES: &[Curve] = &[
    Curve {
        spec: "ECC_NIST_P256",
        algorithm: ["ECDSA_SHA_256"],
        digest: &SHA256,
        signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
        verifying: &ECDSA_P256_SHA256_ASN1,
    },
    Curve {
        spec: "ECC_NIST_P384",
        algorithm: ["ECDSA_SHA_384"],
        digest: &SHA384,
        signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
        verifying: &ECDSA_P384_SHA384_ASN1,
    },
    Curve {
        spec: "ECC_NIST_P521",
        algorithm: ["ECDSA_SHA_512"],
        digest: &SHA512,
        signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
        verifying: &ECDSA_P521_SHA512_ASN1,
    },
    Curve {
        spec: "ECC_SECG_P256K1",
        algorithm: ["ECDSA_SHA_256"],
        digest: &SHA256,
        signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        verifying: &ECDSA_P256K1_SHA256_ASN1,
    },
];

const RSA: &[Rsa] = &[
    Rsa { spec: "RSA_2048", size: KeySize::Rsa2048 },
    Rsa { spec: "RSA_3072", size: KeySize::Rsa3072 },
    Rsa { spec: "RSA_4096", size: KeySize::Rsa4096 },
];

/// An algorithm that RSA keys sign by.
#[derive(Debug)]
pub(super) struct RsaAlgorithm {
    pub(super) digest: &'static digest::Algorithm,
    pub(super) signing: &'static RsaSignatureEncoding,
    pub(super) verifying: &'static RsaParameters,
}

/// In the order in which KMS lists them.
pub(super) const RSA_ALGORITHMS: [&str; 6] = [
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
];

pub(super) fn rsa_algorithm(name: &str) -> Option<RsaAlgorithm> {
    let (digest, signing, verifying) = match name {
        "RSASSA_PKCS1_V1_5_SHA_256" => (&SHA256, &RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
        "RSASSA_PKCS1_V1_5_SHA_384" => (&SHA384, &RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
        "RSASSA_PKCS1_V1_5_SHA_512" => (&SHA512, &RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
        "RSASSA_PSS_SHA_256" => (&SHA256, &RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
        "RSASSA_PSS_SHA_384" => (&SHA384, &RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
        "RSASSA_PSS_SHA_512" => (&SHA512, &RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
        _ => return None,
    };
    Some(RsaAlgorithm { digest, signing, verifying })
}

impl Spec {
    /// The spec of that name, if this KMS has it.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == "SYMMETRIC_DEFAULT" {
            return Some(Self::Symmetric);
        }
        let curve = CURVES.iter().find(|curve| curve.spec == name).map(Self::Elliptic);
        curve.or_else(|| RSA.iter().find(|rsa| rsa.spec == name).map(Self::Rsa))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Symmetric => "SYMMETRIC_DEFAULT",
            Self::Elliptic(curve) => curve.spec,
            Self::Rsa(rsa) => rsa.spec,
        }
    }

    /// `KeyUsage`: here each spec has one.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Self::Symmetric => "ENCRYPT_DECRYPT",
            Self::Elliptic(_) | Self::Rsa(_) => "SIGN_VERIFY",
        }
    }

    /// `SigningAlgorithms`.
    pub(super) fn signing_algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Symmetric => &[],
            Self::Elliptic(curve) => &curve.algorithm,
            Self::Rsa(_) => &RSA_ALGORITHMS,
        }
    }
}
