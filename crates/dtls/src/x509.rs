//! The one thing that a handshake needs from a certificate: its public key (RFC 5280, section 4.1).
//!
//! Nothing else in a certificate is looked at: who the peer is, its fingerprint says.

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_crypto::SignatureScheme;
use gannet_wire::{ReadError, Reader};
use thiserror::Error;

/// Why a certificate's key can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum X509Error {
    /// It is not a certificate in DER.
    #[error("the certificate is not valid DER: {0}")]
    Der(#[from] ReadError),
    /// Another structure stands where a certificate has this one.
    #[error("the certificate has tag {found:#04x} where {what} (tag {expected:#04x}) should be")]
    Tag {
        /// What should be there.
        what: &'static str,
        /// Its tag.
        expected: u8,
        /// The tag that is there.
        found: u8,
    },
    /// A length is not in DER's form, or over 64 KiB.
    #[error("{what} in the certificate has a length that DER does not allow")]
    Length {
        /// Whose length.
        what: &'static str,
    },
    /// The key is none of ECDSA P-256 and P-384, Ed25519 and RSA.
    #[error("the certificate's key is of no supported kind (ECDSA P-256 or P-384, Ed25519, RSA)")]
    UnsupportedKey,
}

/// The kinds of keys that certificates may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    EcdsaP256,
    EcdsaP384,
    Ed25519,
    Rsa,
}

impl KeyKind {
    pub(crate) const fn is_ecdsa(self) -> bool {
        matches!(self, Self::EcdsaP256 | Self::EcdsaP384)
    }

    /// Whether a key of this kind makes signatures of this scheme.
    pub(crate) const fn signs(self, scheme: SignatureScheme) -> bool {
        use SignatureScheme as S;
        matches!(
            (self, scheme),
            (Self::EcdsaP256, S::EcdsaP256Sha256 | S::EcdsaP256Sha384)
                | (Self::EcdsaP384, S::EcdsaP384Sha256 | S::EcdsaP384Sha384)
                | (Self::Ed25519, S::Ed25519)
                | (
                    Self::Rsa,
                    S::RsaPssSha256
                        | S::RsaPssSha384
                        | S::RsaPssSha512
                        | S::RsaPkcs1Sha256
                        | S::RsaPkcs1Sha384
                        | S::RsaPkcs1Sha512
                )
        )
    }
}

/// The public key in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey<'a> {
    pub(crate) kind: KeyKind,
    /// The contents of the `subjectPublicKey` bit string.
    pub(crate) bytes: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;

const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const RSA: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];

impl<'a> PublicKey<'a> {
    /// Finds the public key of a certificate in DER.
    pub(crate) fn of_certificate(der: &'a [u8]) -> Result<Self, X509Error> {
        let mut outer = Reader::new(der);
        let mut certificate = element(&mut outer, SEQUENCE, "Certificate")?;
        outer.finish("Certificate")?;
        let mut tbs = element(&mut certificate, SEQUENCE, "tbsCertificate")?;
        if tbs.as_slice().first() == Some(&VERSION) {
            element(&mut tbs, VERSION, "version")?;
        }
        element(&mut tbs, INTEGER, "serialNumber")?;
        for what in ["signature", "issuer", "validity", "subject"] {
            element(&mut tbs, SEQUENCE, what)?;
        }
        let mut info = element(&mut tbs, SEQUENCE, "subjectPublicKeyInfo")?;
        let algorithm = element(&mut info, SEQUENCE, "algorithm")?.rest();
        let mut key = element(&mut info, BIT_STRING, "subjectPublicKey")?;
        info.finish("subjectPublicKeyInfo")?;
        if key.u8("unused bits")? != 0 {
            return Err(X509Error::UnsupportedKey);
        }
        Ok(Self {
            kind: key_kind(algorithm)?,
            bytes: key.rest(),
        })
    }
}

fn key_kind(algorithm: &[u8]) -> Result<KeyKind, X509Error> {
    if let Some(curve) = algorithm.strip_prefix(EC_PUBLIC_KEY) {
        return match curve {
            P256 => Ok(KeyKind::EcdsaP256),
            P384 => Ok(KeyKind::EcdsaP384),
            _ => Err(X509Error::UnsupportedKey),
        };
    }
    if algorithm == ED25519 {
        return Ok(KeyKind::Ed25519);
    }
    if algorithm.starts_with(RSA) {
        return Ok(KeyKind::Rsa);
    }
    Err(X509Error::UnsupportedKey)
}

/// Takes one element and returns its contents.
fn element<'a>(
    reader: &mut Reader<'a>,
    expected: u8,
    what: &'static str,
) -> Result<Reader<'a>, X509Error> {
    let found = reader.u8(what)?;
    if found != expected {
        return Err(X509Error::Tag {
            what,
            expected,
            found,
        });
    }
    let len = match reader.u8(what)? {
        len @ 0..=0x7f => usize::from(len),
        0x81 => usize::from(reader.u8(what)?),
        0x82 => usize::from(reader.u16(what)?),
        _ => return Err(X509Error::Length { what }),
    };
    Ok(reader.sub(len, what)?)
}
