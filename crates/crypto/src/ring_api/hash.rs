//! Hashes, by the interface that ring and aws-lc-rs share.

use std::fmt;

use super::library::digest::{self, Context};
use crate::{Digest, Hash, HashAlgorithm};

pub(super) struct HashState {
    algorithm: HashAlgorithm,
    context: Context,
}

impl HashState {
    pub(super) fn new(algorithm: HashAlgorithm) -> Self {
        let library = match algorithm {
            HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        Self {
            algorithm,
            context: Context::new(library),
        }
    }
}

impl Hash for HashState {
    fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    fn current(&self) -> Digest {
        Digest::new(self.context.clone().finish().as_ref())
    }

    fn fork(&self) -> Box<dyn Hash> {
        Box::new(Self {
            algorithm: self.algorithm,
            context: self.context.clone(),
        })
    }
}

impl fmt::Debug for HashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashState({:?})", self.algorithm)
    }
}
