//! AES in counter mode.

use std::fmt;

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use crate::{InvalidKey, StreamCipher};

pub(super) struct AesCtr(EncryptingKey);

impl AesCtr {
    pub(super) fn new(key: &[u8]) -> Result<Self, InvalidKey> {
        let invalid = InvalidKey {
            what: "AES-CTR",
            reason: "its length is neither 16 nor 32 bytes",
        };
        let algorithm = match key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return Err(invalid),
        };
        UnboundCipherKey::new(algorithm, key)
            .and_then(EncryptingKey::ctr)
            .map(Self)
            .map_err(|_| invalid)
    }
}

impl StreamCipher for AesCtr {
    fn apply(&self, initial_counter_block: &[u8; 16], data: &mut [u8]) {
        let context = EncryptionContext::Iv128(FixedLength::from(initial_counter_block));
        self.0
            .less_safe_encrypt(data, context)
            .expect("counter mode takes data of any length");
    }
}

impl fmt::Debug for AesCtr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesCtr")
    }
}
