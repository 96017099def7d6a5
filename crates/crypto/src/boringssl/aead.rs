//! Authenticated ciphers by BoringSSL's `EVP_AEAD`.

use std::fmt;

use boring::aead::{AeadCtx, Algorithm};

use crate::{Aead, AeadAlgorithm, InvalidKey, OpenError};

pub(super) struct AeadKey {
    algorithm: AeadAlgorithm,
    context: AeadCtx,
}

impl AeadKey {
    pub(super) fn new(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self, InvalidKey> {
        let (library, what) = match algorithm {
            AeadAlgorithm::Aes128Gcm => (Algorithm::aes_128_gcm(), "AES-128-GCM"),
            AeadAlgorithm::Aes256Gcm => (Algorithm::aes_256_gcm(), "AES-256-GCM"),
            AeadAlgorithm::ChaCha20Poly1305 => {
                (Algorithm::chacha20_poly1305(), "ChaCha20-Poly1305")
            }
        };
        let context = AeadCtx::new_default_tag(&library, key).map_err(|_| InvalidKey {
            what,
            reason: "its length is wrong",
        })?;
        Ok(Self { algorithm, context })
    }
}

impl Aead for AeadKey {
    fn seal(&mut self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let mut tag = [0; AeadAlgorithm::TAG_LEN];
        self.context
            .seal_in_place_mut(nonce, data, &mut tag, aad)
            .expect("a packet is shorter than the cipher's limit of 2^36 bytes");
        tag
    }

    fn open(&mut self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<usize, OpenError> {
        let (ciphertext, tag) = data
            .split_last_chunk_mut::<{ AeadAlgorithm::TAG_LEN }>()
            .ok_or(OpenError)?;
        self.context
            .open_in_place_mut(nonce, ciphertext, tag, aad)
            .map_err(|_| OpenError)?;
        Ok(ciphertext.len())
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AeadKey({:?})", self.algorithm)
    }
}
