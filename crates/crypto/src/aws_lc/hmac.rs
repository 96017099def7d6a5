//! HMACs.

use std::fmt;

use aws_lc_rs::hmac::{self, Context, Key};

use crate::{Digest, HashAlgorithm, Hmac};

pub(super) struct HmacKey {
    algorithm: HashAlgorithm,
    key: Key,
}

impl HmacKey {
    pub(super) fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        let library = match algorithm {
            HashAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
            HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
        };
        Self {
            algorithm,
            key: Key::new(library, key),
        }
    }
}

impl Hmac for HmacKey {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut context = Context::with_key(&self.key);
        for part in parts {
            context.update(part);
        }
        Digest::new(context.sign().as_ref())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({:?})", self.algorithm)
    }
}
