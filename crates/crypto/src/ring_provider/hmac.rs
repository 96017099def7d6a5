//! HMACs: SHA-1 of RustCrypto, which uses the processor's instructions for it (ring's does not, and
//! takes 2.3 µs for 1,200 bytes), the others of ring.

use std::fmt;

use hmac::{KeyInit, Mac};
use ring::hmac::{Context, Key};
use sha1::Sha1;

use crate::{Digest, HashAlgorithm, Hmac};

pub(super) fn new(algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn Hmac> {
    let library = match algorithm {
        HashAlgorithm::Sha1 => {
            let state =
                hmac::Hmac::<Sha1>::new_from_slice(key).expect("keys of any length are valid");
            return Box::new(Sha1Key(state));
        }
        HashAlgorithm::Sha256 => ring::hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => ring::hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => ring::hmac::HMAC_SHA512,
    };
    Box::new(HmacKey(Key::new(library, key)))
}

struct Sha1Key(hmac::Hmac<Sha1>);

impl Hmac for Sha1Key {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut state = self.0.clone();
        for part in parts {
            state.update(part);
        }
        Digest::new(&state.finalize().into_bytes())
    }
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

impl fmt::Debug for Sha1Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(Sha1)")
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({:?})", self.0.algorithm())
    }
}
