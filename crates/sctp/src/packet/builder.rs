//! Writing packets.

use gannet_wire::Writer;

use super::{CHUNK_HEADER_LEN, COMMON_HEADER_LEN, CommonHeader, checksum, padded};

/// A chunk that can be written.
pub trait WriteChunk {
    /// Its type.
    fn kind(&self) -> u8;

    /// Its flags.
    fn flags(&self) -> u8 {
        0
    }

    /// The length of its value in bytes, without padding.
    fn value_len(&self) -> usize;

    /// Appends its value, without padding.
    fn write_value(&self, writer: &mut Writer<'_>);

    /// The length of the whole chunk in bytes, padding included.
    fn encoded_len(&self) -> usize {
        padded(self.value_len().saturating_add(CHUNK_HEADER_LEN))
    }

    /// Appends the whole chunk with its padding.
    ///
    /// A value longer than 65,531 bytes is not valid; its length field saturates.
    fn write(&self, buf: &mut Vec<u8>) {
        let len = self.value_len().saturating_add(CHUNK_HEADER_LEN);
        let mut writer = Writer::new(buf);
        let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        writer.bytes(&[self.kind(), self.flags(), high, low]);
        self.write_value(&mut writer);
        debug_assert_eq!(writer.len(), len, "value_len and write_value disagree");
        writer.pad_to(4);
    }
}

/// Appends one packet to a caller's buffer.
#[derive(Debug)]
pub struct PacketBuilder<'a> {
    buf: &'a mut Vec<u8>,
    start: usize,
    limit: usize,
}

impl<'a> PacketBuilder<'a> {
    /// Starts a packet of at most `limit` bytes behind what `buf` holds.
    pub fn new(buf: &'a mut Vec<u8>, header: CommonHeader, limit: usize) -> Self {
        let start = buf.len();
        buf.reserve(limit.min(65_536));
        let [s0, s1] = header.source_port.to_be_bytes();
        let [d0, d1] = header.destination_port.to_be_bytes();
        let [t0, t1, t2, t3] = header.verification_tag.to_be_bytes();
        buf.extend_from_slice(&[s0, s1, d0, d1, t0, t1, t2, t3, 0, 0, 0, 0]);
        Self { buf, start, limit }
    }

    /// The length of the packet so far in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len().saturating_sub(self.start)
    }

    /// Whether it holds no chunk.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() <= COMMON_HEADER_LEN
    }

    /// How many bytes of chunks still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Whether a chunk fits. The first chunk of a packet always does.
    #[must_use]
    pub fn fits(&self, encoded_len: usize) -> bool {
        self.is_empty() || encoded_len <= self.room()
    }

    /// Appends a chunk, whether it fits or not.
    pub fn push(&mut self, chunk: &impl WriteChunk) {
        chunk.write(self.buf);
    }

    /// Appends a chunk if it fits, and says whether it did.
    pub fn try_push(&mut self, chunk: &impl WriteChunk) -> bool {
        let fits = self.fits(chunk.encoded_len());
        if fits {
            self.push(chunk);
        }
        fits
    }

    /// Appends chunks that are encoded already, with padding.
    pub fn push_encoded(&mut self, chunks: &[u8]) {
        self.buf.extend_from_slice(chunks);
    }

    /// Ends the packet: fills in the checksum, or leaves it zero (RFC 9653). Returns its length, or
    /// `None`, with the buffer as it was, if it holds no chunk.
    pub fn finish(self, zero_checksum: bool) -> Option<usize> {
        if self.is_empty() {
            self.buf.truncate(self.start);
            return None;
        }
        if !zero_checksum {
            let packet = self.buf.get_mut(self.start..).unwrap_or_default();
            let crc = checksum(packet).to_le_bytes();
            if let Some(field) = packet.get_mut(8..12) {
                field.copy_from_slice(&crc);
            }
        }
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CookieAck, CookieEcho, Packet};
    use super::*;

    const HEADER: CommonHeader = CommonHeader {
        source_port: 1,
        destination_port: 2,
        verification_tag: 0x0304_0506,
    };

    #[test]
    fn a_packet_is_appended_with_its_checksum() {
        let mut buf = vec![0xff];
        let mut builder = PacketBuilder::new(&mut buf, HEADER, 100);
        builder.push(&CookieEcho { cookie: &[1, 2, 3] });
        builder.push(&CookieAck);
        assert_eq!(builder.finish(false), Some(24));
        let packet = Packet::parse(&buf[1..]).unwrap();
        assert_eq!(packet.header, HEADER);
        packet.verify_checksum().unwrap();
        assert_eq!(packet.chunks().count(), 2);
    }

    #[test]
    fn an_empty_packet_leaves_no_trace() {
        let mut buf = vec![0xff];
        assert_eq!(
            PacketBuilder::new(&mut buf, HEADER, 100).finish(false),
            None
        );
        assert_eq!(buf, [0xff]);
    }

    #[test]
    fn the_limit_holds_behind_the_first_chunk() {
        let mut buf = Vec::new();
        let mut builder = PacketBuilder::new(&mut buf, HEADER, 20);
        assert!(builder.try_push(&CookieEcho { cookie: &[0; 40] }));
        assert!(!builder.try_push(&CookieAck));
        assert_eq!(builder.finish(true), Some(56));
        assert_eq!(Packet::parse(&buf).unwrap().checksum, 0);
    }
}
