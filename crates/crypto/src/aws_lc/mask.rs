//! Record-number masks.

use std::fmt;

use aws_lc_rs::aead::quic::{CHACHA20, HeaderProtectionKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};

use crate::{InvalidKey, Mask, MaskAlgorithm};

pub(super) fn new(algorithm: MaskAlgorithm, key: &[u8]) -> Result<Box<dyn Mask>, InvalidKey> {
    Ok(match algorithm {
        MaskAlgorithm::Aes128 | MaskAlgorithm::Aes256 => Box::new(AesMask::new(algorithm, key)?),
        MaskAlgorithm::ChaCha20 => Box::new(ChaCha20Mask::new(key)?),
    })
}

const WRONG_LENGTH: InvalidKey = InvalidKey {
    what: "a record-number mask",
    reason: "its length is wrong",
};

struct AesMask(EncryptingKey);

impl AesMask {
    fn new(algorithm: MaskAlgorithm, key: &[u8]) -> Result<Self, InvalidKey> {
        let library = match algorithm {
            MaskAlgorithm::Aes128 => &AES_128,
            _ => &AES_256,
        };
        UnboundCipherKey::new(library, key)
            .and_then(EncryptingKey::ecb)
            .map(Self)
            .map_err(|_| WRONG_LENGTH)
    }
}

impl Mask for AesMask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 16] {
        let mut block = *sample;
        self.0
            .less_safe_encrypt(&mut block, EncryptionContext::None)
            .expect("one block is whole");
        block
    }
}

/// The library gives the first five bytes of the mask, as QUIC needs them.
struct ChaCha20Mask(HeaderProtectionKey);

impl ChaCha20Mask {
    fn new(key: &[u8]) -> Result<Self, InvalidKey> {
        HeaderProtectionKey::new(&CHACHA20, key)
            .map(Self)
            .map_err(|_| WRONG_LENGTH)
    }
}

impl Mask for ChaCha20Mask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 16] {
        let start = self
            .0
            .new_mask(sample)
            .expect("the sample has the length that the cipher wants");
        let mut mask = [0; 16];
        mask[..start.len()].copy_from_slice(&start);
        mask
    }
}

impl fmt::Debug for AesMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesMask")
    }
}

impl fmt::Debug for ChaCha20Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChaCha20Mask")
    }
}
