//! AES in counter mode, of RustCrypto.

use std::fmt;

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes256Enc};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;

use crate::{InvalidKey, StreamCipher};

pub(super) fn new(key: &[u8]) -> Result<Box<dyn StreamCipher>, InvalidKey> {
    if let Ok(cipher) = Aes128Enc::new_from_slice(key) {
        return Ok(Box::new(Aes128Ctr(cipher)));
    }
    if let Ok(cipher) = Aes256Enc::new_from_slice(key) {
        return Ok(Box::new(Aes256Ctr(cipher)));
    }
    Err(InvalidKey {
        what: "AES-CTR",
        reason: "its length is neither 16 nor 32 bytes",
    })
}

struct Aes128Ctr(Aes128Enc);

impl StreamCipher for Aes128Ctr {
    fn apply(&self, initial_counter_block: &[u8; 16], data: &mut [u8]) {
        apply(&self.0, initial_counter_block, data);
    }
}

struct Aes256Ctr(Aes256Enc);

impl StreamCipher for Aes256Ctr {
    fn apply(&self, initial_counter_block: &[u8; 16], data: &mut [u8]) {
        apply(&self.0, initial_counter_block, data);
    }
}

/// The key schedule is borrowed, not copied.
fn apply<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(
    cipher: &C,
    initial_counter_block: &[u8; 16],
    data: &mut [u8],
) {
    CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, initial_counter_block.into())
        .apply_keystream_partial(data.into());
}

impl fmt::Debug for Aes128Ctr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes128Ctr")
    }
}

impl fmt::Debug for Aes256Ctr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes256Ctr")
    }
}
