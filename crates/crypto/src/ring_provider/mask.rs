//! Record-number masks: AES of RustCrypto, ChaCha20 of ring.

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc};
use ring::aead::quic::{CHACHA20, HeaderProtectionKey};

use crate::{InvalidKey, Mask, MaskAlgorithm};

pub(super) fn new(algorithm: MaskAlgorithm, key: &[u8]) -> Result<Box<dyn Mask>, InvalidKey> {
    Ok(match algorithm {
        MaskAlgorithm::Aes128 => Box::new(AesMask(
            Aes128Enc::new_from_slice(key).map_err(|_| WRONG_LENGTH)?,
        )),
        MaskAlgorithm::Aes256 => Box::new(AesMask(
            Aes256Enc::new_from_slice(key).map_err(|_| WRONG_LENGTH)?,
        )),
        MaskAlgorithm::ChaCha20 => Box::new(ChaCha20Mask(
            HeaderProtectionKey::new(&CHACHA20, key).map_err(|_| WRONG_LENGTH)?,
        )),
    })
}

const WRONG_LENGTH: InvalidKey = InvalidKey {
    what: "a record-number mask",
    reason: "its length is wrong",
};

struct AesMask<C>(C);

impl Mask for AesMask<Aes128Enc> {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 16] {
        let mut block = (*sample).into();
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

impl Mask for AesMask<Aes256Enc> {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 16] {
        let mut block = (*sample).into();
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

/// The library gives the first five bytes of the mask, as QUIC needs them.
struct ChaCha20Mask(HeaderProtectionKey);

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

impl<C> fmt::Debug for AesMask<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesMask")
    }
}

impl fmt::Debug for ChaCha20Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChaCha20Mask")
    }
}
