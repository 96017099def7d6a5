//! Protecting packets.

use gannet_crypto::{CryptoProvider, InvalidKey};

use crate::cipher::{Cipher, GCM_TAG_LEN};
use crate::header::{RTCP_CLEAR_LEN, RtpHeader, rtcp_ssrc};
use crate::index::{INDEX_LIMIT, RTCP_INDEX_LIMIT, estimate};
use crate::keys::SessionKeys;
use crate::layout::{self, Layout};
use crate::streams::Streams;
use crate::window::{NotNew, ReplayWindow};
use crate::{AddKeyError, MalformedPacket, MasterKey, Profile, ProtectError, SenderConfig};

/// Protects the RTP and RTCP packets that one end of a session sends.
///
/// - What is fixed: [`profile`](Self::profile), [`rtp_overhead`](Self::rtp_overhead),
///   [`rtcp_overhead`](Self::rtcp_overhead).
/// - Packets: [`protect_rtp`](Self::protect_rtp), [`protect_rtcp`](Self::protect_rtcp).
/// - Keys and streams: [`change_key`](Self::change_key), [`remove_stream`](Self::remove_stream),
///   [`stream_count`](Self::stream_count).
///
/// The first packet of a stream should have a sequence number below 2^15: receivers take its
/// roll-over counter for zero, whatever came before that they did not see.
#[derive(Debug)]
pub struct Sender {
    profile: Profile,
    config: SenderConfig,
    keys: SessionKeys,
    rtp: Streams<ReplayWindow>,
    /// The index of each stream's next packet.
    rtcp: Streams<u64>,
}

impl Sender {
    /// A context with a master key.
    ///
    /// # Errors
    ///
    /// When the provider refuses a key.
    pub fn new(
        provider: &dyn CryptoProvider,
        key: &MasterKey,
        config: SenderConfig,
    ) -> Result<Self, InvalidKey> {
        Ok(Self {
            profile: key.profile(),
            keys: SessionKeys::new(provider, key, &config.mki)?,
            rtp: Streams::new(config.max_streams),
            rtcp: Streams::new(config.max_streams),
            config,
        })
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// How many bytes longer an RTP packet gets. With cryptex, it is 4 more for a packet that has CSRCs
    /// and no header extension.
    #[must_use]
    pub fn rtp_overhead(&self) -> usize {
        self.profile.rtp_tag_len() + self.keys.mki.len()
    }

    /// How many bytes longer an RTCP packet gets.
    #[must_use]
    pub fn rtcp_overhead(&self) -> usize {
        self.profile.rtcp_tag_len() + 4 + self.keys.mki.len()
    }

    /// How many streams it knows, of RTP and RTCP together.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.rtp.len() + self.rtcp.len()
    }

    /// Forgets a stream, to make room for others. Its SSRC must never be used again with this key: the
    /// context does not know any more which packets it sent.
    pub fn remove_stream(&mut self, ssrc: u32) {
        self.rtp.remove(ssrc);
        self.rtcp.remove(ssrc);
    }

    /// Goes on with another master key, which the receiver knows by the identifier `mki`. Packet indices
    /// go on too (RFC 3711, section 3.3.1).
    ///
    /// # Errors
    ///
    /// When the key or the identifier does not go with the one before: without identifiers, the
    /// receiver could not tell the keys apart.
    pub fn change_key(
        &mut self,
        provider: &dyn CryptoProvider,
        mki: &[u8],
        key: &MasterKey,
    ) -> Result<(), AddKeyError> {
        if key.profile() != self.profile {
            return Err(AddKeyError::OtherProfile);
        }
        self.keys.check_next_mki(mki)?;
        self.keys = SessionKeys::new(provider, key, mki)?;
        Ok(())
    }

    #[cfg(all(test, feature = "aws-lc-rs"))]
    pub(crate) fn set_highest(&mut self, ssrc: u32, index: u64) {
        let window = ReplayWindow::starting_at(self.config.replay_window, index);
        self.rtp.insert(ssrc, window);
    }

    #[cfg(all(test, feature = "aws-lc-rs"))]
    pub(crate) fn set_next_rtcp(&mut self, ssrc: u32, index: u64) {
        self.rtcp.insert(ssrc, index);
    }

    #[cfg(all(test, feature = "aws-lc-rs"))]
    pub(crate) fn replace_keys(&mut self, keys: SessionKeys) {
        self.keys = keys;
    }

    /// Protects the RTP packet that is at the end of `packet`, from `start` on; it gets longer by
    /// [`rtp_overhead`](Self::rtp_overhead).
    ///
    /// # Errors
    ///
    /// When it is no RTP packet, when its sequence number was used before, or when a limit is
    /// reached. The packet is unchanged then.
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let header = RtpHeader::parse(tail(packet, start)?)?;
        if layout::is_marked(&header) {
            return Err(ProtectError::MarkedAsEncrypted);
        }
        let window = match self.rtp.stream(header.ssrc) {
            Some(window) => window,
            None => add(&mut self.rtp, header.ssrc, || {
                ReplayWindow::new(self.config.replay_window)
            })?,
        };
        let index = estimate(window.highest(), header.sequence_number);
        if !self.keys.is_good_for_rtp() || index >= INDEX_LIMIT {
            return Err(ProtectError::KeyExpired);
        }
        if !self.config.allow_retransmission {
            check(window, index, &header)?;
        }
        window.record(index);
        self.keys.count_rtp();
        let layout = if self.config.cryptex {
            layout::mark(packet, start, &header)
        } else {
            Layout::plain(&header)
        };
        seal_rtp(&mut self.keys, packet, start, layout, header.ssrc, index);
        Ok(())
    }

    /// Protects the RTCP compound packet that is at the end of `packet`, from `start` on; it gets longer
    /// by [`rtcp_overhead`](Self::rtcp_overhead).
    ///
    /// # Errors
    ///
    /// When it is no RTCP packet, or when a limit is reached. The packet is unchanged then.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let ssrc = rtcp_ssrc(tail(packet, start)?)?;
        let next = match self.rtcp.stream(ssrc) {
            Some(next) => next,
            None => add(&mut self.rtcp, ssrc, || 0)?,
        };
        let index = *next;
        if !self.keys.is_good_for_rtcp() || index >= RTCP_INDEX_LIMIT {
            return Err(ProtectError::KeyExpired);
        }
        *next += 1;
        self.keys.count_rtcp();
        let encrypt = self.config.encrypt_rtcp;
        seal_rtcp(&mut self.keys, packet, start, ssrc, index as u32, encrypt);
        Ok(())
    }
}

fn tail(packet: &[u8], start: usize) -> Result<&[u8], MalformedPacket> {
    packet
        .get(start..)
        .ok_or(MalformedPacket::Truncated("start"))
}

fn add<T>(
    streams: &mut Streams<T>,
    ssrc: u32,
    stream: impl FnOnce() -> T,
) -> Result<&mut T, ProtectError> {
    if streams.has_room() {
        streams.insert(ssrc, stream());
    }
    streams.stream(ssrc).ok_or(ProtectError::TooManyStreams)
}

fn check(window: &ReplayWindow, index: u64, header: &RtpHeader) -> Result<(), ProtectError> {
    let (ssrc, sequence_number) = (header.ssrc, header.sequence_number);
    window.check(index).map_err(|not_new| match not_new {
        NotNew::Seen => ProtectError::AlreadySent {
            ssrc,
            sequence_number,
        },
        NotNew::TooOld => ProtectError::TooOld {
            ssrc,
            sequence_number,
        },
    })
}

fn seal_rtp(
    keys: &mut SessionKeys,
    packet: &mut Vec<u8>,
    start: usize,
    layout: Layout,
    ssrc: u32,
    index: u64,
) {
    match &mut keys.rtp {
        Cipher::Gcm(cipher) => {
            let tag = layout.on(&mut packet[start..], |clear, secret| {
                cipher.seal(ssrc, index, clear, secret)
            });
            packet.extend_from_slice(&tag);
            packet.extend_from_slice(&keys.mki);
        }
        Cipher::Counter(cipher) => {
            layout.on(&mut packet[start..], |_, secret| {
                cipher.apply(ssrc, index, secret);
            });
            let roll_over_counter = (index >> 16) as u32;
            cipher.append_tag(packet, start, &roll_over_counter.to_be_bytes(), &keys.mki);
        }
    }
}

fn seal_rtcp(
    keys: &mut SessionKeys,
    packet: &mut Vec<u8>,
    start: usize,
    ssrc: u32,
    index: u32,
    encrypt: bool,
) {
    let trailer = (index | u32::from(encrypt) << 31).to_be_bytes();
    let index = u64::from(index);
    let secret_start = start + RTCP_CLEAR_LEN;
    match &mut keys.rtcp {
        Cipher::Gcm(cipher) if encrypt => {
            let (clear, secret) = packet.split_at_mut(secret_start);
            let mut aad = [0; RTCP_CLEAR_LEN + 4];
            aad[..RTCP_CLEAR_LEN].copy_from_slice(&clear[start..]);
            aad[RTCP_CLEAR_LEN..].copy_from_slice(&trailer);
            let tag = cipher.seal(ssrc, index, &aad, secret);
            packet.extend_from_slice(&tag);
            packet.extend_from_slice(&trailer);
            packet.extend_from_slice(&keys.mki);
        }
        Cipher::Gcm(cipher) => {
            packet.extend_from_slice(&trailer);
            let tag = cipher.seal(ssrc, index, &packet[start..], &mut []);
            let trailer_start = packet.len() - trailer.len();
            packet.extend_from_slice(&tag);
            packet[trailer_start..].rotate_right(GCM_TAG_LEN);
            packet.extend_from_slice(&keys.mki);
        }
        Cipher::Counter(cipher) => {
            if encrypt {
                cipher.apply(ssrc, index, &mut packet[secret_start..]);
            }
            packet.extend_from_slice(&trailer);
            cipher.append_tag(packet, start, &[], &keys.mki);
        }
    }
}
