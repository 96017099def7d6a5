//! The session keys that come from one master key, and how often they were used.

use gannet_crypto::{CryptoProvider, InvalidKey};

use crate::cipher::{Cipher, Protocol};
use crate::{AddKeyError, MasterKey};

/// A master key must not protect more RTP packets than this (RFC 3711, section 9.2).
const MAX_RTP_PACKETS: u64 = 1 << 48;
/// A master key must not protect more RTCP packets than this (RFC 3711, section 9.2).
const MAX_RTCP_PACKETS: u64 = 1 << 31;
/// The longest master key identifier, in bytes.
const MAX_MKI_LEN: usize = 128;

/// Session keys, and the identifier of the master key that they come from.
#[derive(Debug)]
pub(crate) struct SessionKeys {
    pub(crate) mki: Box<[u8]>,
    pub(crate) rtp: Cipher,
    pub(crate) rtcp: Cipher,
    rtp_packets: u64,
    rtcp_packets: u64,
}

impl SessionKeys {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        master: &MasterKey,
        mki: &[u8],
    ) -> Result<Self, InvalidKey> {
        Ok(Self {
            mki: mki[..mki.len().min(MAX_MKI_LEN)].into(),
            rtp: Cipher::new(provider, master, Protocol::Rtp)?,
            rtcp: Cipher::new(provider, master, Protocol::Rtcp)?,
            rtp_packets: 0,
            rtcp_packets: 0,
        })
    }

    /// Whether keys with the identifier `mki` can stand beside these.
    pub(crate) fn check_next_mki(&self, mki: &[u8]) -> Result<(), AddKeyError> {
        if mki.len() != self.mki.len() || mki.is_empty() {
            return Err(AddKeyError::IdentifierLength {
                len: mki.len(),
                expected: self.mki.len(),
            });
        }
        if *self.mki == *mki {
            return Err(AddKeyError::IdentifierTaken);
        }
        Ok(())
    }

    /// Whether the key may be used for one more RTP packet.
    pub(crate) fn is_good_for_rtp(&self) -> bool {
        self.rtp_packets < MAX_RTP_PACKETS
    }

    /// Whether the key may be used for one more RTCP packet.
    pub(crate) fn is_good_for_rtcp(&self) -> bool {
        self.rtcp_packets < MAX_RTCP_PACKETS
    }

    pub(crate) fn count_rtp(&mut self) {
        self.rtp_packets += 1;
    }

    pub(crate) fn count_rtcp(&mut self) {
        self.rtcp_packets += 1;
    }

    /// Keys that were not derived.
    #[cfg(test)]
    pub(crate) fn of_gcm(
        rtp: Box<dyn gannet_crypto::Aead>,
        rtcp: Box<dyn gannet_crypto::Aead>,
        salt: &[u8],
    ) -> Self {
        Self {
            mki: Box::default(),
            rtp: Cipher::of_gcm(rtp, salt),
            rtcp: Cipher::of_gcm(rtcp, salt),
            rtp_packets: 0,
            rtcp_packets: 0,
        }
    }

    /// Makes the keys as old as they can be, but for `left` packets.
    #[cfg(test)]
    pub(crate) fn age(&mut self, left: u64) {
        self.rtp_packets = MAX_RTP_PACKETS - left;
        self.rtcp_packets = MAX_RTCP_PACKETS - left;
    }
}
