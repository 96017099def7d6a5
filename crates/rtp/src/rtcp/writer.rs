//! Writing RTCP packets.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::Writer;

/// Appends RTCP packets to the caller's buffer, one behind the other: a compound packet, if the first is a
/// report, else a reduced-size one (RFC 5506).
///
/// The methods stand beside the views: each packet's file has both. Lists that are longer than their
/// packet can hold are cut; the method's return value says how much was written where that matters.
#[derive(Debug)]
pub struct RtcpWriter<'b> {
    pub(super) buffer: &'b mut Vec<u8>,
    start: usize,
}

impl<'b> RtcpWriter<'b> {
    /// A writer that appends behind what `buffer` holds.
    #[must_use]
    pub const fn new(buffer: &'b mut Vec<u8>) -> Self {
        let start = buffer.len();
        Self { buffer, start }
    }

    /// How many bytes were written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Whether nothing was written so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a packet of a type that this crate does not know. `body` is padded with zeros to whole
    /// words, and must be shorter than 256 KiB.
    pub fn raw(&mut self, packet_type: u8, count: u8, body: &[u8]) {
        self.packet(packet_type, count, |out| out.bytes(body));
    }

    /// Appends a packet: `fill` writes what follows the first four bytes.
    pub(super) fn packet(
        &mut self,
        packet_type: u8,
        count: u8,
        fill: impl FnOnce(&mut Writer<'_>),
    ) {
        let mut out = Writer::new(self.buffer);
        out.u8(0x80 | count & 0x1f);
        out.u8(packet_type);
        out.u16(0);
        fill(&mut out);
        out.pad_to(4);
        let words = (out.len() / 4).saturating_sub(1);
        out.patch_u16(2, u16::try_from(words).unwrap_or(u16::MAX));
    }
}
