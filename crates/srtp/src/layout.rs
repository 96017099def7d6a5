//! Which bytes of an RTP packet stay in the clear, with and without cryptex (RFC 9335).

use crate::Cryptex;
use crate::UnprotectError;
use crate::header::{
    ENCRYPTED_ONE_BYTE, ENCRYPTED_TWO_BYTE, FIXED_LEN, ONE_BYTE, RtpHeader, TWO_BYTE,
};

/// The first four bytes of a header extension: they stay in the clear.
const EXTENSION_HEADER_LEN: usize = 4;

/// Which bytes of a packet are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many bytes at the start stay in the clear, after the CSRCs were moved.
    clear_len: usize,
    /// With cryptex, CSRCs and extension header change places while the cipher works, so that what it
    /// works on is in one piece: how many bytes of CSRCs there are.
    csrcs_len: usize,
}

impl Layout {
    /// The layout of RFC 3711: the payload is encrypted.
    pub(crate) fn plain(header: &RtpHeader) -> Self {
        Self {
            clear_len: header.len,
            csrcs_len: 0,
        }
    }

    /// The layout of RFC 9335: CSRCs and extensions are encrypted too.
    fn cryptex(header: &RtpHeader) -> Self {
        Self {
            clear_len: FIXED_LEN + EXTENSION_HEADER_LEN,
            csrcs_len: header.csrcs_len,
        }
    }

    /// Lets `work` work on the part that stays in the clear and the part that does not.
    pub(crate) fn on<R>(
        self,
        packet: &mut [u8],
        work: impl FnOnce(&mut [u8], &mut [u8]) -> R,
    ) -> R {
        let swapped = FIXED_LEN..FIXED_LEN + self.csrcs_len + EXTENSION_HEADER_LEN;
        if self.csrcs_len > 0 {
            packet[swapped.clone()].rotate_right(EXTENSION_HEADER_LEN);
        }
        let (clear, secret) = packet.split_at_mut(self.clear_len);
        let result = work(clear, secret);
        if self.csrcs_len > 0 {
            packet[swapped].rotate_left(EXTENSION_HEADER_LEN);
        }
        result
    }
}

/// Prepares a packet that begins at `start` for encryption with cryptex: marks its header extension,
/// or puts in an empty one if there are CSRCs alone (RFC 9335, section 5.1).
///
/// A packet without either, or with an extension that is not of RFC 8285, stays as it is.
pub(crate) fn mark(packet: &mut Vec<u8>, start: usize, header: &RtpHeader) -> Layout {
    let profile = match header.extension {
        Some(ONE_BYTE) => ENCRYPTED_ONE_BYTE,
        Some(TWO_BYTE) => ENCRYPTED_TWO_BYTE,
        None if header.csrcs_len > 0 => {
            let at = start + header.extension_start();
            let [high, low] = ENCRYPTED_ONE_BYTE.to_be_bytes();
            packet.splice(at..at, [high, low, 0, 0]);
            packet[start] |= 0x10;
            return Layout::cryptex(header);
        }
        _ => return Layout::plain(header),
    };
    write_profile(&mut packet[start..], header, profile);
    Layout::cryptex(header)
}

/// Whether a packet says that its header extension is encrypted.
pub(crate) fn is_marked(header: &RtpHeader) -> bool {
    matches!(
        header.extension,
        Some(ENCRYPTED_ONE_BYTE | ENCRYPTED_TWO_BYTE)
    )
}

/// The layout of a packet that was received, if `policy` allows it.
pub(crate) fn received(header: &RtpHeader, policy: Cryptex) -> Result<Layout, UnprotectError> {
    let is_cryptex = is_marked(header);
    let shows_something = header.extension.is_some() || header.csrcs_len > 0;
    match policy {
        Cryptex::Refuse if is_cryptex => Err(UnprotectError::Cryptex("encrypted")),
        Cryptex::Require if !is_cryptex && shows_something => {
            Err(UnprotectError::Cryptex("in the clear"))
        }
        _ if is_cryptex => Ok(Layout::cryptex(header)),
        _ => Ok(Layout::plain(header)),
    }
}

/// Turns the mark of a decrypted packet back into that of an ordinary header extension.
pub(crate) fn unmark(packet: &mut [u8], header: &RtpHeader) {
    match header.extension {
        Some(ENCRYPTED_ONE_BYTE) => write_profile(packet, header, ONE_BYTE),
        Some(ENCRYPTED_TWO_BYTE) => write_profile(packet, header, TWO_BYTE),
        _ => {}
    }
}

fn write_profile(packet: &mut [u8], header: &RtpHeader, profile: u16) {
    let at = header.extension_start();
    packet[at..at + 2].copy_from_slice(&profile.to_be_bytes());
}
