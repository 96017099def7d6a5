//! HMACs: SHA-1 of RustCrypto, the others of ring.

use std::fmt;

use ring::hmac::{Context, Key};

use crate::sha1_hmac::Sha1Hmac;
use crate::{Digest, HashAlgorithm, Hmac};

pub(super) fn new(algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn Hmac> {
    let library = match algorithm {
        HashAlgorithm::Sha1 => return Box::new(Sha1Hmac::new(key)),
        HashAlgorithm::Sha256 => ring::hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => ring::hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => ring::hmac::HMAC_SHA512,
    };
    Box::new(HmacKey(Key::new(library, key)))
}

struct HmacKey(Key);

impl Hmac for HmacKey {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut context = Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        Digest::new(context.sign().as_ref())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({:?})", self.0.algorithm())
    }
}
