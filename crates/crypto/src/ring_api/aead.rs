//! Authenticated ciphers, by the interface that ring and aws-lc-rs share.

use std::fmt;

use super::library::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use crate::{Aead, AeadAlgorithm, InvalidKey, OpenError};

pub(super) struct AeadKey {
    algorithm: AeadAlgorithm,
    key: LessSafeKey,
}

impl AeadKey {
    pub(super) fn new(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self, InvalidKey> {
        let (library, what) = match algorithm {
            AeadAlgorithm::Aes128Gcm => (&aead::AES_128_GCM, "AES-128-GCM"),
            AeadAlgorithm::Aes256Gcm => (&aead::AES_256_GCM, "AES-256-GCM"),
            AeadAlgorithm::ChaCha20Poly1305 => (&aead::CHACHA20_POLY1305, "ChaCha20-Poly1305"),
        };
        let key = UnboundKey::new(library, key).map_err(|_| InvalidKey {
            what,
            reason: "its length is wrong",
        })?;
        Ok(Self {
            algorithm,
            key: LessSafeKey::new(key),
        })
    }
}

impl Aead for AeadKey {
    fn seal(&mut self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), data)
            .expect("a packet is shorter than the cipher's limit of 2^36 bytes");
        let mut bytes = [0; 16];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    fn open(&mut self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<usize, OpenError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.key
            .open_in_place(nonce, Aad::from(aad), data)
            .map(|plaintext| plaintext.len())
            .map_err(|_| OpenError)
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AeadKey({:?})", self.algorithm)
    }
}
