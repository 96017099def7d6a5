//! HMACs: of aws-lc-rs, but SHA-1 of RustCrypto where the processor has instructions for it.

use std::fmt;

use aws_lc_rs::hmac::{self, Context, Key};

use crate::sha1_hmac::Sha1Hmac;
use crate::{Digest, HashAlgorithm, Hmac};

pub(super) fn new(algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn Hmac> {
    if algorithm == HashAlgorithm::Sha1 && Sha1Hmac::is_accelerated() {
        return Box::new(Sha1Hmac::new(key));
    }
    Box::new(HmacKey::new(algorithm, key))
}

struct HmacKey {
    algorithm: HashAlgorithm,
    key: Key,
}

impl HmacKey {
    fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whichever of the two this processor gets, the other one says the same.
    #[test]
    fn both_kinds_of_hmac_sha1_are_the_same() {
        for len in [0, 1, 20, 64, 65, 200] {
            let (key, text) = (vec![7; len], vec![9; 3 * len]);
            let library = HmacKey::new(HashAlgorithm::Sha1, &key);
            let other = Sha1Hmac::new(&key);
            assert_eq!(
                *library.sign(&[&text, b"end"]),
                *other.sign(&[&text, b"end"])
            );
        }
    }
}
