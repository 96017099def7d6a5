//! Protection profiles.

use std::fmt;

/// Which cipher protects a session (RFC 5764, section 4.1.2; RFC 7714, section 14.2; RFC 6188).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// SRTP_AES128_CM_HMAC_SHA1_80 (0x0001): AES-128 in counter mode, tags of 10 bytes.
    Aes128CmHmacSha1_80,
    /// SRTP_AES128_CM_HMAC_SHA1_32 (0x0002): tags of 4 bytes on RTP, of 10 bytes on RTCP.
    Aes128CmHmacSha1_32,
    /// AES_256_CM_HMAC_SHA1_80 (RFC 6188): it has no number in DTLS, only a name in SDP.
    Aes256CmHmacSha1_80,
    /// SRTP_AEAD_AES_128_GCM (0x0007): tags of 16 bytes.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM (0x0008): tags of 16 bytes.
    AeadAes256Gcm,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] = [
        Self::Aes128CmHmacSha1_80,
        Self::Aes128CmHmacSha1_32,
        Self::Aes256CmHmacSha1_80,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    /// What to offer in DTLS, best first: AES-GCM costs a fifth of what SHA-1 does.
    pub const OFFERED: [Self; 4] = [
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::Aes128CmHmacSha1_80,
        Self::Aes128CmHmacSha1_32,
    ];

    /// The profile with a number of the registry "DTLS-SRTP Protection Profiles".
    #[must_use]
    pub const fn from_dtls_id(id: u16) -> Option<Self> {
        match id {
            0x0001 => Some(Self::Aes128CmHmacSha1_80),
            0x0002 => Some(Self::Aes128CmHmacSha1_32),
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// Its number in the registry "DTLS-SRTP Protection Profiles", if it has one.
    #[must_use]
    pub const fn dtls_id(self) -> Option<u16> {
        match self {
            Self::Aes128CmHmacSha1_80 => Some(0x0001),
            Self::Aes128CmHmacSha1_32 => Some(0x0002),
            Self::Aes256CmHmacSha1_80 => None,
            Self::AeadAes128Gcm => Some(0x0007),
            Self::AeadAes256Gcm => Some(0x0008),
        }
    }

    /// The length of the master key, and of session keys for encryption, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 | Self::Aes128CmHmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::Aes256CmHmacSha1_80 | Self::AeadAes256Gcm => 32,
        }
    }

    /// The length of the master salt, and of session salts, in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// How many bytes to export from a DTLS handshake: two keys and two salts (RFC 5764, section 4.2).
    #[must_use]
    pub const fn exported_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// The length of the tag on an RTP packet in bytes: how much longer it gets, without an MKI.
    #[must_use]
    pub const fn rtp_tag_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 | Self::Aes256CmHmacSha1_80 => 10,
            Self::Aes128CmHmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// The length of the tag on an RTCP packet in bytes. The packet gets longer by this and the four
    /// bytes of the index, without an MKI.
    #[must_use]
    pub const fn rtcp_tag_len(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    /// Whether it is an AEAD profile (RFC 7714).
    pub(crate) const fn is_aead(self) -> bool {
        matches!(self, Self::AeadAes128Gcm | Self::AeadAes256Gcm)
    }
}

/// Its name: the one in the DTLS registry, or else in SDP's.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes128CmHmacSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            Self::Aes128CmHmacSha1_32 => "SRTP_AES128_CM_HMAC_SHA1_32",
            Self::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths() {
        let table: Vec<_> = Profile::ALL
            .iter()
            .map(|profile| {
                let id = profile.dtls_id();
                assert!(id.is_none() || id.and_then(Profile::from_dtls_id) == Some(*profile));
                (
                    id,
                    profile.key_len(),
                    profile.salt_len(),
                    profile.exported_len(),
                )
            })
            .collect();
        assert_eq!(
            table,
            [
                (Some(1), 16, 14, 60),
                (Some(2), 16, 14, 60),
                (None, 32, 14, 92),
                (Some(7), 16, 12, 56),
                (Some(8), 32, 12, 88),
            ]
        );
        assert!(
            Profile::OFFERED
                .iter()
                .all(|profile| profile.dtls_id().is_some())
        );
        // SRTP_NULL_HMAC_SHA1_80 and _32 are known to the registry, and refused here.
        assert_eq!(Profile::from_dtls_id(5), None);
        assert_eq!(Profile::from_dtls_id(6), None);
    }
}
