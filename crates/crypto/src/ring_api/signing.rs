//! Private keys that sign, by the interface that ring and aws-lc-rs share; where they differ, [`super::keys`].

use std::fmt;
use std::sync::Arc;

use super::library::rand::SystemRandom;
use super::library::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use super::{keys, library_failure};
use crate::{InvalidKey, SignatureScheme, SigningKey, UnsupportedAlgorithm};

/// Tries each kind of key in turn: PKCS #8 says which it is, and each refuses the others.
pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
    let kind = if let Ok(key) = keys::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8) {
        Kind::P256(key)
    } else if let Ok(key) = keys::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, pkcs8) {
        Kind::P384(key)
    } else if let Ok(key) = keys::ed25519(pkcs8) {
        Kind::Ed25519(key)
    } else if let Ok(key) = RsaKeyPair::from_pkcs8(pkcs8) {
        Kind::Rsa(key)
    } else {
        return Err(InvalidKey {
            what: "signing",
            reason: "it is no PKCS #8 key of ECDSA P-256, ECDSA P-384, Ed25519 or RSA (2,048 bits or more)",
        });
    };
    Ok(Arc::new(Key(kind)))
}

struct Key(Kind);

enum Kind {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey for Key {
    fn schemes(&self) -> &[SignatureScheme] {
        match self.0 {
            Kind::P256(_) => &[SignatureScheme::EcdsaP256Sha256],
            Kind::P384(_) => &[SignatureScheme::EcdsaP384Sha384],
            Kind::Ed25519(_) => &[SignatureScheme::Ed25519],
            Kind::Rsa(_) => &[
                SignatureScheme::RsaPssSha256,
                SignatureScheme::RsaPssSha384,
                SignatureScheme::RsaPssSha512,
                SignatureScheme::RsaPkcs1Sha256,
                SignatureScheme::RsaPkcs1Sha384,
                SignatureScheme::RsaPkcs1Sha512,
            ],
        }
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, UnsupportedAlgorithm> {
        if !self.schemes().contains(&scheme) {
            return Err(library_failure("this signature scheme with this key"));
        }
        let failure = |_| library_failure("signing with this key");
        let random = SystemRandom::new();
        Ok(match &self.0 {
            Kind::P256(key) | Kind::P384(key) => key
                .sign(&random, message)
                .map_err(failure)?
                .as_ref()
                .to_vec(),
            Kind::Ed25519(key) => keys::sign_ed25519(key, message).map_err(failure)?,
            Kind::Rsa(key) => {
                let encoding = rsa_encoding(scheme).ok_or_else(|| library_failure("RSA"))?;
                let mut signature = vec![0; keys::modulus_len(key)];
                key.sign(encoding, &random, message, &mut signature)
                    .map_err(failure)?;
                signature
            }
        })
    }
}

fn rsa_encoding(scheme: SignatureScheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        SignatureScheme::RsaPssSha256 => &RSA_PSS_SHA256,
        SignatureScheme::RsaPssSha384 => &RSA_PSS_SHA384,
        SignatureScheme::RsaPssSha512 => &RSA_PSS_SHA512,
        SignatureScheme::RsaPkcs1Sha256 => &RSA_PKCS1_SHA256,
        SignatureScheme::RsaPkcs1Sha384 => &RSA_PKCS1_SHA384,
        SignatureScheme::RsaPkcs1Sha512 => &RSA_PKCS1_SHA512,
        _ => return None,
    })
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.schemes()[0])
    }
}
