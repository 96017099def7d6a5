//! MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489, sections 9 and 14.5 to 14.7).
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use std::sync::{Arc, OnceLock};

use gannet_crypto::{CryptoProvider, Digest, HashAlgorithm, Hmac, Secret};
use md5::Digest as _;
use thiserror::Error;

use crate::{HEADER_LEN, Message, PasswordAlgorithm};

/// Which HMAC protects a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntegrityAlgorithm {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

impl IntegrityAlgorithm {
    pub(crate) const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// Why a message is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IntegrityError {
    /// It has no integrity attribute of the kind asked for.
    #[error("the message has no integrity attribute of the expected kind")]
    Absent,
    /// The attribute does not match: another password, or the message was changed.
    #[error("the message's integrity does not verify")]
    Mismatch,
}

/// A credential's HMAC keys, scheduled once. Cloning is cheap.
///
/// That of the algorithm that the credential is made for is scheduled with it, the other when a message
/// needs it for the first time.
#[derive(Clone, Debug)]
pub struct IntegrityKey(Arc<Schedules>);

#[derive(Debug)]
struct Schedules {
    provider: Arc<dyn CryptoProvider>,
    key: Secret,
    sha1: OnceLock<Box<dyn Hmac>>,
    sha256: OnceLock<Box<dyn Hmac>>,
}

impl Schedules {
    fn hmac(&self, algorithm: IntegrityAlgorithm) -> &dyn Hmac {
        let (hash, schedule) = match algorithm {
            IntegrityAlgorithm::Sha1 => (HashAlgorithm::Sha1, &self.sha1),
            IntegrityAlgorithm::Sha256 => (HashAlgorithm::Sha256, &self.sha256),
        };
        &**schedule.get_or_init(|| self.provider.hmac(hash, &self.key))
    }
}

impl IntegrityKey {
    /// A key of raw bytes, which will be used with `algorithm` if not with both.
    #[must_use]
    pub fn new(
        provider: &Arc<dyn CryptoProvider>,
        key: &[u8],
        algorithm: IntegrityAlgorithm,
    ) -> Self {
        let schedules = Schedules {
            provider: Arc::clone(provider),
            key: Secret::copied(key),
            sha1: OnceLock::new(),
            sha256: OnceLock::new(),
        };
        schedules.hmac(algorithm);
        Self(Arc::new(schedules))
    }

    /// The key of a short-term credential (RFC 8489, section 9.1.1). It is made for SHA-1, which is what ICE
    /// uses.
    #[must_use]
    pub fn short_term(provider: &Arc<dyn CryptoProvider>, password: &str) -> Self {
        Self::new(provider, password.as_bytes(), IntegrityAlgorithm::Sha1)
    }

    /// The key of a long-term credential (RFC 8489, sections 9.2.2 and 18.5.1); `None` for an
    /// algorithm that is not known. It is made for the HMAC of the same age: SHA-1 with MD5.
    #[must_use]
    pub fn long_term(
        provider: &Arc<dyn CryptoProvider>,
        username: &str,
        realm: &str,
        password: &str,
        algorithm: PasswordAlgorithm,
    ) -> Option<Self> {
        let parts = [username, ":", realm, ":", password];
        match algorithm {
            PasswordAlgorithm::Md5 => {
                let mut hash = md5::Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                let key = hash.finalize();
                Some(Self::new(provider, &key, IntegrityAlgorithm::Sha1))
            }
            PasswordAlgorithm::Sha256 => {
                let mut hash = provider.hash(HashAlgorithm::Sha256);
                parts.iter().for_each(|part| hash.update(part.as_bytes()));
                let key = hash.current();
                Some(Self::new(provider, &key, IntegrityAlgorithm::Sha256))
            }
            PasswordAlgorithm::Unknown(_) => None,
        }
    }

    /// The HMAC over a message up to an integrity attribute at `at`, with the length field set as
    /// if that attribute, `value_len` bytes long, were the last one.
    pub(crate) fn sign(
        &self,
        algorithm: IntegrityAlgorithm,
        message: &[u8],
        at: usize,
        value_len: usize,
    ) -> Digest {
        let (parts, len) = covered(message, at, value_len);
        self.0.hmac(algorithm).sign(&[parts.0, &len, parts.1])
    }

    fn verify(
        &self,
        algorithm: IntegrityAlgorithm,
        message: &[u8],
        at: usize,
        value: &[u8],
    ) -> bool {
        let (parts, len) = covered(message, at, value.len());
        self.0
            .hmac(algorithm)
            .verify(&[parts.0, &len, parts.1], value)
    }
}

/// The message's type, the length field as the HMAC sees it, and the rest up to `at`.
fn covered(message: &[u8], at: usize, value_len: usize) -> ((&[u8], &[u8]), [u8; 2]) {
    let head = message.get(..2).unwrap_or_default();
    let body = message.get(4..at).unwrap_or_default();
    let end = at.saturating_add(4).saturating_add(value_len);
    let len = u16::try_from(end.saturating_sub(HEADER_LEN)).unwrap_or(u16::MAX);
    ((head, body), len.to_be_bytes())
}

impl Message<'_> {
    /// Verifies the strongest integrity attribute that the message has.
    pub fn verify(&self, key: &IntegrityKey) -> Result<IntegrityAlgorithm, IntegrityError> {
        let algorithm = match self.integrity_sha256_at {
            Some(_) => IntegrityAlgorithm::Sha256,
            None => IntegrityAlgorithm::Sha1,
        };
        self.verify_with(key, algorithm)?;
        Ok(algorithm)
    }

    /// Verifies one integrity attribute, and ignores the other.
    pub fn verify_with(
        &self,
        key: &IntegrityKey,
        algorithm: IntegrityAlgorithm,
    ) -> Result<(), IntegrityError> {
        let at = match algorithm {
            IntegrityAlgorithm::Sha1 => self.integrity_at,
            IntegrityAlgorithm::Sha256 => self.integrity_sha256_at,
        };
        let at = at.ok_or(IntegrityError::Absent)?;
        let value = integrity_value(self.as_bytes(), at).ok_or(IntegrityError::Mismatch)?;
        // No usage of this crate allows a truncated HMAC (RFC 8489, section 14.6).
        if value.len() != algorithm.output_len() {
            return Err(IntegrityError::Mismatch);
        }
        if !key.verify(algorithm, self.as_bytes(), at, value) {
            return Err(IntegrityError::Mismatch);
        }
        Ok(())
    }
}

fn integrity_value(message: &[u8], at: usize) -> Option<&[u8]> {
    let (header, rest) = message.get(at..)?.split_first_chunk::<4>()?;
    let [_, _, high, low] = *header;
    rest.get(..usize::from(u16::from_be_bytes([high, low])))
}

/// The hash that stands for a user name when the server wants it anonymous (RFC 8489, section 14.4).
#[must_use]
pub fn user_hash(provider: &dyn CryptoProvider, username: &str, realm: &str) -> [u8; 32] {
    let mut hash = provider.hash(HashAlgorithm::Sha256);
    for part in [username, ":", realm] {
        hash.update(part.as_bytes());
    }
    hash.current().first_chunk().copied().unwrap_or_default()
}

/// The FINGERPRINT over what stands before it (RFC 8489, section 14.7).
pub(crate) fn fingerprint(message: &[u8]) -> u32 {
    crc32fast::hash(message) ^ 0x5354_554e
}
