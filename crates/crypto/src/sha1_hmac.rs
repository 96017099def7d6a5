//! HMAC-SHA1 (RFC 2104) on RustCrypto's SHA-1 compression, which uses the processor's instructions for it
//! where it has them.
//!
//! Both providers take it: ring's own uses none, and takes 2.3 µs for 1,200 bytes instead of 0.75; that of
//! aws-lc-rs copies a large context for each message, a third of what a STUN message of 80 bytes costs.

use std::fmt;

use sha1::block_api::compress;
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::{Digest, Hmac};

const BLOCK_LEN: usize = 64;
const OUTPUT_LEN: usize = 20;
type Block = [u8; BLOCK_LEN];
type State = [u32; 5];

/// FIPS 180-4, section 5.3.1.
const INITIAL: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// A key: the states behind its inner and its outer block.
pub(crate) struct Sha1Hmac {
    inner: Zeroizing<State>,
    outer: Zeroizing<State>,
}

impl Sha1Hmac {
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK_LEN]);
        if key.len() > BLOCK_LEN {
            block[..OUTPUT_LEN].copy_from_slice(&Sha1::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let behind = |pad: u8| {
            let mut state = Zeroizing::new(INITIAL);
            compress(&mut state, &[*Zeroizing::new(block.map(|byte| byte ^ pad))]);
            state
        };
        Self {
            inner: behind(0x36),
            outer: behind(0x5c),
        }
    }

    /// Whether this processor has the instructions. Without them, aws-lc-rs is faster.
    #[cfg(feature = "aws-lc-rs")]
    pub(crate) fn is_accelerated() -> bool {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        return std::arch::is_x86_feature_detected!("sha");
        #[cfg(target_arch = "aarch64")]
        return std::arch::is_aarch64_feature_detected!("sha2");
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
        return false;
    }
}

impl Hmac for Sha1Hmac {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut message = Message::behind_one_block(*self.inner);
        parts.iter().for_each(|part| message.update(part));
        let inner = message.finish();
        let mut message = Message::behind_one_block(*self.outer);
        message.update(&inner);
        Digest::new(&message.finish())
    }
}

impl fmt::Debug for Sha1Hmac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(Sha1)")
    }
}

/// A message that is being hashed (FIPS 180-4, sections 5.1.1 and 6.1).
struct Message {
    state: State,
    /// The start of the next block.
    block: Block,
    filled: usize,
    len: u64,
}

impl Message {
    const fn behind_one_block(state: State) -> Self {
        Self {
            state,
            block: [0; BLOCK_LEN],
            filled: 0,
            len: BLOCK_LEN as u64,
        }
    }

    #[inline]
    fn update(&mut self, mut part: &[u8]) {
        self.len += part.len() as u64;
        if self.filled > 0 {
            let (now, rest) = part.split_at(part.len().min(BLOCK_LEN - self.filled));
            self.block[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            part = rest;
            if self.filled < BLOCK_LEN {
                return;
            }
            compress(&mut self.state, &[self.block]);
            self.filled = 0;
        }
        let (blocks, rest) = part.as_chunks();
        if !blocks.is_empty() {
            compress(&mut self.state, blocks);
        }
        self.block[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// The padding: a one, zeros, and the length in bits at the end of a block.
    #[inline]
    fn finish(mut self) -> [u8; OUTPUT_LEN] {
        const LEN_AT: usize = BLOCK_LEN - 8;
        self.block[self.filled] = 0x80;
        self.block[self.filled + 1..].fill(0);
        if self.filled >= LEN_AT {
            compress(&mut self.state, &[self.block]);
            self.block = [0; BLOCK_LEN];
        }
        self.block[LEN_AT..].copy_from_slice(&(8 * self.len).to_be_bytes());
        compress(&mut self.state, &[self.block]);
        let mut output = [0; OUTPUT_LEN];
        for (bytes, word) in output.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length around the ends of blocks, in one part and in several, of which the sum over a plain
    /// SHA-1 says the same.
    #[test]
    fn it_is_the_hmac_of_the_rfc() {
        let text: Vec<u8> = (0..300).map(|i| i as u8).collect();
        for key in [&text[..0], &text[..20], &text[..64], &text[..65], &text[..]] {
            let mut block = [0; BLOCK_LEN];
            match key.len() {
                0..=BLOCK_LEN => block[..key.len()].copy_from_slice(key),
                _ => block[..OUTPUT_LEN].copy_from_slice(&Sha1::digest(key)),
            }
            let hmac = Sha1Hmac::new(key);
            for len in 0..text.len() {
                let text = &text[..len];
                let inner = Sha1::digest([&block.map(|byte| byte ^ 0x36)[..], text].concat());
                let outer = [&block.map(|byte| byte ^ 0x5c)[..], &inner].concat();
                let expected = Sha1::digest(outer);
                assert_eq!(hmac.sign(&[text])[..], expected[..], "{len}");
                let (head, tail) = text.split_at(len / 3);
                assert_eq!(hmac.sign(&[head, &[], tail])[..], expected[..], "{len}");
            }
        }
    }
}
