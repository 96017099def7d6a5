//! The keys of one epoch and direction, and what they do to a record.

use std::fmt;

use gannet_crypto::{Aead, AeadAlgorithm, CryptoProvider, InvalidKey, Mask, OpenError};

use super::header::ContentType;
use crate::key_schedule::expand_label;
use crate::message::{DTLS_1_2, RecordNumber};
use crate::suite::CipherSuite;

/// DTLS 1.3 (RFC 9147, section 4.2.3; RFC 8446, section 7.3).
pub(crate) struct Keys13 {
    pub(crate) aead: Box<dyn Aead>,
    pub(crate) mask: Box<dyn Mask>,
    iv: [u8; 12],
}

impl Keys13 {
    /// Derives the keys from a traffic secret.
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        suite: CipherSuite,
        secret: &[u8],
    ) -> Result<Self, InvalidKey> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        let mut iv = [0; 12];
        let key = &mut key[..suite.aead().key_len()];
        expand_label(provider, suite.hash(), secret, "key", &[], key);
        let aead = provider.aead(suite.aead(), key)?;
        expand_label(provider, suite.hash(), secret, "sn", &[], key);
        let mask = provider.mask(suite.mask(), key)?;
        expand_label(provider, suite.hash(), secret, "iv", &[], &mut iv);
        Ok(Self { aead, mask, iv })
    }

    /// The nonce of a record: its sequence number, without the epoch.
    pub(crate) fn nonce(&self, sequence: u64) -> [u8; 12] {
        nonce(&self.iv, sequence)
    }
}

impl fmt::Debug for Keys13 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys13")
            .field("aead", &self.aead)
            .finish_non_exhaustive()
    }
}

impl Drop for Keys13 {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.iv);
    }
}

/// DTLS 1.2 with an AEAD (RFC 5288, RFC 7905).
pub(crate) struct Keys12 {
    aead: Box<dyn Aead>,
    iv: [u8; 12],
    explicit_nonce: bool,
}

impl Keys12 {
    /// How many bytes of each direction's IV the key block holds.
    pub(crate) const fn iv_len(suite: CipherSuite) -> usize {
        match suite.aead() {
            AeadAlgorithm::ChaCha20Poly1305 => 12,
            _ => 4,
        }
    }

    /// Keys from their part of the key block.
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        suite: CipherSuite,
        key: &[u8],
        fixed_iv: &[u8],
    ) -> Result<Self, InvalidKey> {
        let mut iv = [0; 12];
        for (to, from) in iv.iter_mut().zip(fixed_iv) {
            *to = *from;
        }
        let explicit_nonce = Self::iv_len(suite) == 4;
        Ok(Self {
            aead: provider.aead(suite.aead(), key)?,
            iv,
            explicit_nonce,
        })
    }

    /// How many bytes of explicit nonce stand before the ciphertext.
    pub(crate) const fn explicit_len(&self) -> usize {
        if self.explicit_nonce { 8 } else { 0 }
    }

    /// Encrypts `body`, whose first bytes are room for the explicit nonce, in place; returns the tag.
    pub(crate) fn seal(
        &mut self,
        number: RecordNumber,
        additional: &Additional12<'_>,
        body: &mut [u8],
    ) -> [u8; 16] {
        let wire_number = wire_number(number);
        let (explicit, plaintext) = body.split_at_mut(self.explicit_len());
        // The explicit nonce is the record's number: it never comes twice (RFC 5288, section 3).
        explicit.copy_from_slice(&wire_number.to_be_bytes()[..explicit.len()]);
        let mut aad = [0; MAX_ADDITIONAL];
        let aad = additional.write(wire_number, plaintext.len(), &mut aad);
        self.aead
            .seal(&nonce(&self.iv, wire_number), aad, plaintext)
    }

    /// Decrypts `body` in place; returns where the plaintext lies in it.
    pub(crate) fn open(
        &mut self,
        number: RecordNumber,
        additional: &Additional12<'_>,
        body: &mut [u8],
    ) -> Result<std::ops::Range<usize>, OpenError> {
        let wire_number = wire_number(number);
        let at = self.explicit_len();
        let (explicit, ciphertext) = body.split_at_mut_checked(at).ok_or(OpenError)?;
        let len = ciphertext
            .len()
            .checked_sub(AeadAlgorithm::TAG_LEN)
            .ok_or(OpenError)?;
        let mut nonce = nonce(&self.iv, wire_number);
        if self.explicit_nonce {
            nonce[..4].copy_from_slice(&self.iv[..4]);
            nonce[4..].copy_from_slice(explicit);
        }
        let mut aad = [0; MAX_ADDITIONAL];
        let aad = additional.write(wire_number, len, &mut aad);
        let len = self.aead.open(&nonce, aad, ciphertext)?;
        Ok(at..at + len)
    }
}

impl fmt::Debug for Keys12 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys12")
            .field("aead", &self.aead)
            .finish_non_exhaustive()
    }
}

impl Drop for Keys12 {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.iv);
    }
}

/// What DTLS 1.2 authenticates beside the plaintext.
pub(crate) struct Additional12<'a> {
    pub(crate) kind: ContentType,
    /// The connection ID in the record, if it has one (RFC 9146, section 5).
    pub(crate) cid: Option<&'a [u8]>,
}

/// The most that is authenticated beside the plaintext, with the longest connection ID.
const MAX_ADDITIONAL: usize = 23 + 255;

impl Additional12<'_> {
    fn write<'b>(&self, number: u64, len: usize, out: &'b mut [u8; MAX_ADDITIONAL]) -> &'b [u8] {
        let number = number.to_be_bytes();
        let version = DTLS_1_2.to_be_bytes();
        let len = (len as u16).to_be_bytes();
        let kind = [self.kind.code()];
        let cid_len = self.cid.map(|cid| [cid.len() as u8]);
        let parts: [&[u8]; 8] = match (self.cid, &cid_len) {
            // RFC 9146, section 5.3.
            (Some(cid), Some(cid_len)) => [
                &[0xff; 8], &kind, cid_len, &kind, &version, &number, cid, &len,
            ],
            // RFC 5246, section 6.2.3.3.
            _ => [&number, &kind, &version, &len, &[], &[], &[], &[]],
        };
        let mut at = 0;
        for part in parts {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        &out[..at]
    }
}

/// DTLS 1.2 counts the epoch as the upper 16 bits of the record's number.
const fn wire_number(number: RecordNumber) -> u64 {
    (number.epoch << 48) | number.sequence
}

fn nonce(iv: &[u8; 12], number: u64) -> [u8; 12] {
    let mut nonce = *iv;
    if let Some(low) = nonce.last_chunk_mut() {
        *low = (u64::from_be_bytes(*low) ^ number).to_be_bytes();
    }
    nonce
}
