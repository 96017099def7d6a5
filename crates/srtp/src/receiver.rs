//! Taking the protection off packets.

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_crypto::{CryptoProvider, InvalidKey};

use crate::cipher::{Cipher, CounterMode, GCM_TAG_LEN, Gcm};
use crate::header::{RTCP_CLEAR_LEN, RtpHeader, rtcp_ssrc};
use crate::index::{INDEX_LIMIT, estimate};
use crate::keys::SessionKeys;
use crate::layout::{self, Layout};
use crate::streams::Streams;
use crate::window::{NotNew, ReplayWindow};
use crate::{
    AddKeyError, Cryptex, MalformedPacket, MasterKey, Profile, ReceiverConfig, UnprotectError,
};

/// How many master keys a receiver holds.
const MAX_KEYS: usize = 16;
/// The length of an SRTCP packet's E flag and index.
const RTCP_TRAILER_LEN: usize = 4;
/// How many indices below the highest one are accepted of RTCP.
const RTCP_REPLAY_WINDOW: usize = 128;
/// The E flag.
const ENCRYPTED: u32 = 1 << 31;

/// Takes the protection off the RTP and RTCP packets that one end of a session receives.
///
/// - What is fixed: [`profile`](Self::profile).
/// - Packets: [`unprotect_rtp`](Self::unprotect_rtp), [`unprotect_rtcp`](Self::unprotect_rtcp).
/// - Keys and streams: [`add_key`](Self::add_key), [`remove_key`](Self::remove_key),
///   [`remove_stream`](Self::remove_stream), [`stream_count`](Self::stream_count).
///
/// A packet that is not authentic changes nothing: no roll-over counter, no window, no table.
#[derive(Debug)]
pub struct Receiver {
    profile: Profile,
    cryptex: Cryptex,
    replay_window: usize,
    accept_unencrypted_rtcp: bool,
    /// At least one; all identifiers have the same length.
    keys: Vec<SessionKeys>,
    mki_len: usize,
    rtp: Streams<ReplayWindow>,
    rtcp: Streams<ReplayWindow>,
}

impl Receiver {
    /// A context with a master key.
    ///
    /// # Errors
    ///
    /// When the provider refuses a key.
    pub fn new(
        provider: &dyn CryptoProvider,
        key: &MasterKey,
        config: ReceiverConfig,
    ) -> Result<Self, InvalidKey> {
        let keys = SessionKeys::new(provider, key, &config.mki)?;
        Ok(Self {
            profile: key.profile(),
            cryptex: config.cryptex,
            replay_window: config.replay_window,
            accept_unencrypted_rtcp: config.accept_unencrypted_rtcp,
            mki_len: keys.mki.len(),
            keys: vec![keys],
            rtp: Streams::new(config.max_streams),
            rtcp: Streams::new(config.max_streams),
        })
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// How many streams it knows, of RTP and RTCP together.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.rtp.len().saturating_add(self.rtcp.len())
    }

    /// Adds one more master key, which packets with the identifier `mki` are protected with: at most 16
    /// in all. Roll-over counters and windows go on.
    ///
    /// # Errors
    ///
    /// When the key or the identifier does not go with those that are there.
    pub fn add_key(
        &mut self,
        provider: &dyn CryptoProvider,
        mki: &[u8],
        key: &MasterKey,
    ) -> Result<(), AddKeyError> {
        if key.profile() != self.profile {
            return Err(AddKeyError::OtherProfile);
        }
        for keys in &self.keys {
            keys.check_next_mki(mki)?;
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(AddKeyError::TooManyKeys);
        }
        self.keys.push(SessionKeys::new(provider, key, mki)?);
        Ok(())
    }

    /// Forgets the key with the identifier `mki`, when its packets have all come. Nothing happens if
    /// it is the only one, or there is none.
    pub fn remove_key(&mut self, mki: &[u8]) {
        if self.keys.len() > 1 {
            self.keys.retain(|keys| *keys.mki != *mki);
        }
    }

    /// Forgets a stream, to make room for others. Its packets can be replayed from then on, so that
    /// whoever calls this must not listen to that SSRC any more.
    pub fn remove_stream(&mut self, ssrc: u32) {
        self.rtp.remove(ssrc);
        self.rtcp.remove(ssrc);
    }

    #[cfg(all(test, feature = "aws-lc-rs"))]
    pub(crate) fn set_highest(&mut self, ssrc: u32, index: u64) {
        let window = ReplayWindow::starting_at(self.replay_window, index);
        self.rtp.insert(ssrc, window);
    }

    #[cfg(all(test, feature = "aws-lc-rs"))]
    pub(crate) fn replace_keys(&mut self, keys: SessionKeys) {
        self.keys = vec![keys];
    }

    /// Takes the protection off an RTP packet, in place, and returns the length of the RTP packet that
    /// is then at the start of `packet`.
    ///
    /// # Errors
    ///
    /// When the packet is not RTP, not authentic, not new or not wanted.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let tag_len = self.tag_len_behind_mki(self.profile.rtp_tag_len());
        let Parts { body, mki, tag } =
            Parts::of(packet, self.mki_len, tag_len).ok_or(NO_ROOM_FOR_THE_TAG)?;
        let keys = select(&mut self.keys, mki)?;
        let header = RtpHeader::parse(text(&keys.rtp, body)?)?;
        let layout = layout::received(&header, self.cryptex)?;
        let has_room = self.rtp.has_room();
        let window = self.rtp.stream(header.ssrc);
        let highest = window.as_ref().and_then(|window| window.highest());
        let index = estimate(highest, header.sequence_number);
        if !keys.is_good_for_rtp() || index >= INDEX_LIMIT {
            return Err(UnprotectError::KeyExpired);
        }
        match window {
            Some(window) => {
                window.check(index)?;
                open_rtp(&mut keys.rtp, body, tag, layout, header.ssrc, index)?;
                window.record(index);
            }
            None if !has_room => return Err(UnprotectError::TooManyStreams),
            None => {
                open_rtp(&mut keys.rtp, body, tag, layout, header.ssrc, index)?;
                let window = ReplayWindow::starting_at(self.replay_window, index);
                self.rtp.insert(header.ssrc, window);
            }
        }
        keys.count_rtp();
        layout::unmark(body, &header);
        Ok(text(&keys.rtp, body)?.len())
    }

    /// Takes the protection off an RTCP packet, in place, and returns the length of the RTCP compound
    /// packet that is then at the start of `packet`.
    ///
    /// # Errors
    ///
    /// When the packet is not RTCP, not authentic, not new or not wanted.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let tag_len = self.tag_len_behind_mki(self.profile.rtcp_tag_len());
        let Parts { body, mki, tag } =
            Parts::of(packet, self.mki_len, tag_len).ok_or(NO_ROOM_FOR_THE_TAG)?;
        let keys = select(&mut self.keys, mki)?;
        let rtcp = RtcpPacket::parse(&keys.rtcp, body)?;
        if !rtcp.is_encrypted() && !self.accept_unencrypted_rtcp {
            return Err(UnprotectError::NotEncrypted);
        }
        if !keys.is_good_for_rtcp() {
            return Err(UnprotectError::KeyExpired);
        }
        let has_room = self.rtcp.has_room();
        match self.rtcp.stream(rtcp.ssrc) {
            Some(window) => {
                window.check(rtcp.index())?;
                rtcp.open(&mut keys.rtcp, body, tag)?;
                window.record(rtcp.index());
            }
            None if !has_room => return Err(UnprotectError::TooManyStreams),
            None => {
                rtcp.open(&mut keys.rtcp, body, tag)?;
                let window = ReplayWindow::starting_at(RTCP_REPLAY_WINDOW, rtcp.index());
                self.rtcp.insert(rtcp.ssrc, window);
            }
        }
        keys.count_rtcp();
        Ok(rtcp.len)
    }

    /// In AEAD profiles, the tag comes before the master key identifier (RFC 7714, sections 8.2
    /// and 9.2).
    fn tag_len_behind_mki(&self, tag_len: usize) -> usize {
        if self.profile.is_aead() { 0 } else { tag_len }
    }
}

impl From<NotNew> for UnprotectError {
    fn from(not_new: NotNew) -> Self {
        match not_new {
            NotNew::Seen => Self::Replayed,
            NotNew::TooOld => Self::TooOld,
        }
    }
}

const NO_ROOM_FOR_THE_TAG: UnprotectError =
    UnprotectError::Malformed(MalformedPacket::Truncated("authentication tag"));

/// A packet's parts.
struct Parts<'a> {
    /// What comes before the master key identifier; in AEAD profiles, the tag is at its end.
    body: &'a mut [u8],
    mki: &'a [u8],
    /// What comes behind the master key identifier.
    tag: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(packet: &'a mut [u8], mki_len: usize, tag_len: usize) -> Option<Self> {
        let (rest, tag) = packet.split_at_mut_checked(packet.len().checked_sub(tag_len)?)?;
        let (body, mki) = rest.split_at_mut_checked(rest.len().checked_sub(mki_len)?)?;
        Some(Self { body, mki, tag })
    }
}

/// The keys with an identifier.
fn select<'a>(
    keys: &'a mut [SessionKeys],
    mki: &[u8],
) -> Result<&'a mut SessionKeys, UnprotectError> {
    let found = if mki.is_empty() {
        keys.first_mut()
    } else {
        keys.iter_mut().find(|keys| *keys.mki == *mki)
    };
    found.ok_or(UnprotectError::UnknownKey)
}

/// The RTP packet in a body: in AEAD profiles, the tag is behind it.
fn text<'a>(cipher: &Cipher, body: &'a [u8]) -> Result<&'a [u8], UnprotectError> {
    match cipher {
        Cipher::Counter(_) => Ok(body),
        Cipher::Gcm(_) => body
            .len()
            .checked_sub(GCM_TAG_LEN)
            .and_then(|len| body.get(..len))
            .ok_or(NO_ROOM_FOR_THE_TAG),
    }
}

/// Checks the tag and decrypts.
fn open_rtp(
    cipher: &mut Cipher,
    body: &mut [u8],
    tag: &[u8],
    layout: Layout,
    ssrc: u32,
    index: u64,
) -> Result<(), UnprotectError> {
    match cipher {
        Cipher::Gcm(cipher) => layout
            .on(body, |clear, secret| {
                cipher.open(ssrc, index, clear, secret)
            })
            .map_err(|_| UnprotectError::NotAuthentic)?,
        Cipher::Counter(cipher) => {
            let roll_over_counter = index.to_be_bytes();
            let [_, _, roll_over_counter @ .., _, _] = &roll_over_counter;
            if !cipher.verify(body, roll_over_counter, tag) {
                return Err(UnprotectError::NotAuthentic);
            }
            layout.on(body, |_, secret| {
                cipher.apply(ssrc, index, secret);
                0
            })
        }
    };
    Ok(())
}

/// What an SRTCP packet says of itself.
#[derive(Clone, Copy, Debug)]
struct RtcpPacket {
    ssrc: u32,
    /// The E flag and the index.
    trailer: u32,
    /// The length of the RTCP packet.
    len: usize,
}

impl RtcpPacket {
    fn parse(cipher: &Cipher, body: &[u8]) -> Result<Self, UnprotectError> {
        let ssrc = rtcp_ssrc(body)?;
        let (rest, trailer) = body.split_last_chunk().ok_or(NO_ROOM_FOR_THE_TAG)?;
        let len = text(cipher, rest)?.len();
        if len < RTCP_CLEAR_LEN {
            return Err(NO_ROOM_FOR_THE_TAG);
        }
        Ok(Self {
            ssrc,
            trailer: u32::from_be_bytes(*trailer),
            len,
        })
    }

    const fn is_encrypted(self) -> bool {
        self.trailer & ENCRYPTED != 0
    }

    const fn index(self) -> u64 {
        (self.trailer & !ENCRYPTED) as u64
    }

    /// Checks the tag, and decrypts what is encrypted.
    fn open(self, cipher: &mut Cipher, body: &mut [u8], tag: &[u8]) -> Result<(), UnprotectError> {
        match cipher {
            Cipher::Gcm(cipher) if self.is_encrypted() => self.open_gcm(cipher, body),
            Cipher::Gcm(cipher) => self.check_gcm(cipher, body),
            Cipher::Counter(cipher) => self.open_counter(cipher, body, tag),
        }
    }

    /// RFC 7714, section 9.2.
    fn open_gcm(self, cipher: &mut Gcm, body: &mut [u8]) -> Result<(), UnprotectError> {
        let (rest, trailer) = body
            .split_last_chunk_mut::<RTCP_TRAILER_LEN>()
            .ok_or(NO_ROOM_FOR_THE_TAG)?;
        let (clear, secret) = rest
            .split_first_chunk_mut::<RTCP_CLEAR_LEN>()
            .ok_or(NO_ROOM_FOR_THE_TAG)?;
        let mut aad = [0; RTCP_CLEAR_LEN + RTCP_TRAILER_LEN];
        for (byte, from) in aad.iter_mut().zip(clear.iter().chain(trailer.iter())) {
            *byte = *from;
        }
        cipher
            .open(self.ssrc, self.index(), &aad, secret)
            .map_err(|_| UnprotectError::NotAuthentic)?;
        Ok(())
    }

    /// RFC 7714, section 9.3: the tag comes before the trailer, and everything else is associated data.
    fn check_gcm(self, cipher: &mut Gcm, body: &mut [u8]) -> Result<(), UnprotectError> {
        let end = body.get_mut(self.len..).ok_or(NO_ROOM_FOR_THE_TAG)?;
        end.rotate_left(GCM_TAG_LEN);
        let (packet_and_trailer, tag) = body
            .split_last_chunk_mut::<GCM_TAG_LEN>()
            .ok_or(NO_ROOM_FOR_THE_TAG)?;
        cipher
            .open(self.ssrc, self.index(), packet_and_trailer, tag)
            .map_err(|_| UnprotectError::NotAuthentic)?;
        Ok(())
    }

    /// RFC 3711, section 3.4.
    fn open_counter(
        self,
        cipher: &CounterMode,
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<(), UnprotectError> {
        if !cipher.verify(body, &[], tag) {
            return Err(UnprotectError::NotAuthentic);
        }
        if let Some(secret) = body.get_mut(RTCP_CLEAR_LEN..self.len)
            && self.is_encrypted()
        {
            cipher.apply(self.ssrc, self.index(), secret);
        }
        Ok(())
    }
}
