//! Writing RTP packets into the caller's buffer.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use crate::extension::{
    Elements, ExtensionKind, ExtensionMap, HeaderExtension, ONE_BYTE, TWO_BYTE,
};
use crate::packet::RtpHeader;

/// A section is no longer than this when an element is appended, in bytes: every identifier of the
/// one-byte form with its longest value (14 times 17) fits twice.
const ONE_BYTE_ROOM: usize = 480;

/// Writes one RTP packet behind what the caller's buffer holds already: header, then CSRCs, then
/// extensions, then the payload.
///
/// Extensions are written with one-byte headers as long as that is possible; the first one that needs
/// more (an identifier above 14, an empty value or one longer than 16 bytes) turns the section into
/// two-byte headers, if the map allows that ([`ExtensionMap::allow_two_byte`], `extmap-allow-mixed`),
/// and is left out otherwise.
#[derive(Debug)]
pub struct RtpWriter<'b> {
    buffer: &'b mut Vec<u8>,
    /// Where the packet starts in the buffer.
    start: usize,
    /// Where the extension section starts in the buffer, if there is one.
    section: Option<Section>,
}

#[derive(Clone, Copy, Debug)]
struct Section {
    at: usize,
    two_byte: bool,
}

impl<'b> RtpWriter<'b> {
    /// Writes the fixed part of the header.
    #[inline]
    pub fn new(buffer: &'b mut Vec<u8>, header: &RtpHeader) -> Self {
        let start = buffer.len();
        let marker = if header.marker { 0x80 } else { 0 };
        let [s0, s1] = header.sequence_number.0.to_be_bytes();
        let [t0, t1, t2, t3] = header.timestamp.0.to_be_bytes();
        let [r0, r1, r2, r3] = header.ssrc.to_be_bytes();
        let payload_type = marker | header.payload_type & 0x7f;
        buffer.extend_from_slice(&[0x80, payload_type, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]);
        Self {
            buffer,
            start,
            section: None,
        }
    }

    /// Writes contributing sources; those behind the fifteenth are left out. Call it before the first
    /// extension: afterwards it does nothing.
    pub fn csrcs(&mut self, csrcs: impl IntoIterator<Item = u32>) {
        if self.section.is_some() || self.first_byte() & 0x0f != 0 {
            return;
        }
        let mut count = 0_u8;
        for csrc in csrcs.into_iter().take(15) {
            self.buffer.extend_from_slice(&csrc.to_be_bytes());
            count = count.saturating_add(1);
        }
        self.set_first_bits(count);
    }

    /// Writes a header extension, if `map` has an identifier for it. Whether it was written.
    #[inline]
    pub fn extension<'e, T: HeaderExtension<'e>>(&mut self, map: &ExtensionMap, value: &T) -> bool {
        let Some(id) = map.id(T::KIND) else {
            return false;
        };
        let two_byte = match self.section {
            Some(section) => section.two_byte,
            None => self.open_section(id > 14),
        };
        let at = self.buffer.len();
        self.buffer.push(0);
        value.write(self.buffer);
        let len = self.buffer.len().saturating_sub(at).saturating_sub(1);
        if !two_byte
            && matches!(id, 1..=14)
            && matches!(len, 1..=16)
            && at.saturating_sub(self.start) < ONE_BYTE_ROOM
            && let Some(head) = self.buffer.get_mut(at)
        {
            *head = id << 4 | (len.wrapping_sub(1) & 0x0f).to_le_bytes()[0];
            return true;
        }
        self.move_element(at, id, map.is_two_byte_allowed())
    }

    /// The element whose value was written behind `at` needs another header: takes it back, and writes
    /// it again.
    #[cold]
    fn move_element(&mut self, at: usize, id: u8, two_byte_allowed: bool) -> bool {
        let mut room = [0; 255];
        let value = self.buffer.get(at.saturating_add(1)..).unwrap_or_default();
        let len = value.len();
        let written = match room.get_mut(..len) {
            Some(copy) => {
                copy.copy_from_slice(value);
                self.buffer.truncate(at);
                self.element(id, room.get(..len).unwrap_or_default(), two_byte_allowed)
            }
            None => {
                self.buffer.truncate(at);
                false
            }
        };
        if let Some(section) = self.section.filter(|_| !written)
            && self.buffer.len() == section.at.saturating_add(4)
        {
            self.buffer.truncate(section.at);
            self.section = None;
            if let Some(first) = self.buffer.get_mut(self.start) {
                *first &= !0x10;
            }
        }
        written
    }

    /// Writes a header extension whose value is already encoded. Whether it was written.
    #[inline]
    pub fn extension_bytes(
        &mut self,
        map: &ExtensionMap,
        kind: ExtensionKind,
        value: &[u8],
    ) -> bool {
        let Some(id) = map.id(kind) else {
            return false;
        };
        self.element(id, value, map.is_two_byte_allowed())
    }

    /// Writes one element under `id`. It is left out, and `false` returned, if `id` is 0, if the value
    /// is longer than 255 bytes, or if it needs a two-byte header and those are not allowed.
    pub fn element(&mut self, id: u8, value: &[u8], two_byte_allowed: bool) -> bool {
        let Ok(len) = u8::try_from(value.len()) else {
            return false;
        };
        let fits_one_byte = matches!(id, 1..=14) && matches!(len, 1..=16);
        if self.section_len() > ONE_BYTE_ROOM {
            return false;
        }
        if id == 0 || !fits_one_byte && !two_byte_allowed {
            return false;
        }
        let two_byte = match self.section {
            Some(section) => section.two_byte,
            None => self.open_section(!fits_one_byte),
        };
        if two_byte || !fits_one_byte {
            self.widen();
            self.buffer.extend_from_slice(&[id, len]);
        } else {
            self.buffer.push(id << 4 | len.wrapping_sub(1));
        }
        self.buffer.extend_from_slice(value);
        true
    }

    /// Ends the header; what is appended to the buffer afterwards is payload. Returns where the payload
    /// starts in the buffer.
    #[inline]
    #[expect(
        clippy::must_use_candidate,
        reason = "the position is rarely of interest"
    )]
    pub fn finish_header(self) -> usize {
        self.close().len()
    }

    /// Ends the packet with `payload`.
    #[inline]
    pub fn payload(self, payload: &[u8]) {
        self.close().extend_from_slice(payload);
    }

    /// Ends the packet with `payload` and `len` bytes of padding (RFC 3550, section 5.1).
    pub fn padded_payload(mut self, payload: &[u8], len: u8) {
        if len != 0 {
            self.set_first_bits(0x20);
        }
        let buffer = self.close();
        buffer.extend_from_slice(payload);
        if let Some(zeros) = len.checked_sub(1) {
            buffer.resize(buffer.len().saturating_add(usize::from(zeros)), 0);
            buffer.push(len);
        }
    }

    /// Pads the extension section and fills in its head.
    #[inline]
    fn close(self) -> &'b mut Vec<u8> {
        let Some(section) = self.section else {
            return self.buffer;
        };
        // RFC 8285, section 4.1.2: the section is padded with zero bytes to whole words.
        let body_at = section.at.saturating_add(4);
        let body = self.buffer.len().saturating_sub(body_at);
        let padded = body.next_multiple_of(4);
        // Three bytes at once and some of them back: a copy of an unknown length costs more.
        self.buffer.extend_from_slice(&[0; 3]);
        self.buffer.truncate(body_at.saturating_add(padded));
        let words = u16::try_from(padded / 4).unwrap_or(u16::MAX);
        let profile = if section.two_byte { TWO_BYTE } else { ONE_BYTE };
        let head = self
            .buffer
            .get_mut(section.at..)
            .and_then(|tail| tail.first_chunk_mut::<4>());
        if let Some(head) = head {
            let [p0, p1] = profile.to_be_bytes();
            let [w0, w1] = words.to_be_bytes();
            *head = [p0, p1, w0, w1];
        }
        self.buffer
    }

    fn section_len(&self) -> usize {
        self.section.map_or(0, |section| {
            self.buffer
                .len()
                .saturating_sub(section.at.saturating_add(4))
        })
    }

    #[inline]
    fn open_section(&mut self, two_byte: bool) -> bool {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        self.section = Some(Section { at, two_byte });
        self.set_first_bits(0x10);
        two_byte
    }

    /// Rewrites the section with two-byte headers, if it has one-byte headers.
    fn widen(&mut self) {
        let Some(section) = self.section.as_mut().filter(|section| !section.two_byte) else {
            return;
        };
        section.two_byte = true;
        let body_at = section.at.saturating_add(4);
        let mut old = [0; ONE_BYTE_ROOM + 17];
        let body = self.buffer.get(body_at..).unwrap_or_default();
        let len = body.len().min(old.len());
        let (Some(copy), Some(body)) = (old.get_mut(..len), body.get(..len)) else {
            return;
        };
        copy.copy_from_slice(body);
        self.buffer.truncate(body_at);
        for (id, value) in Elements::new(ONE_BYTE, copy) {
            let len = u8::try_from(value.len()).unwrap_or(0);
            self.buffer.extend_from_slice(&[id, len]);
            self.buffer.extend_from_slice(value);
        }
    }

    fn first_byte(&self) -> u8 {
        self.buffer.get(self.start).copied().unwrap_or(0)
    }

    fn set_first_bits(&mut self, bits: u8) {
        if let Some(first) = self.buffer.get_mut(self.start) {
            *first |= bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use gannet_wire::{Serial16, Serial32};
    use proptest::prelude::*;

    use super::*;
    use crate::RtpPacket;
    use crate::extension::{AbsoluteSendTime, Mid, Rid, TransportSequence};

    fn header() -> RtpHeader {
        RtpHeader {
            marker: false,
            payload_type: 111,
            sequence_number: Serial16(65535),
            timestamp: Serial32(0x0102_0304),
            ssrc: 0xa0a1_a2a3,
        }
    }

    fn map() -> ExtensionMap {
        let mut map = ExtensionMap::new();
        map.insert(1, ExtensionKind::Mid).unwrap();
        map.insert(2, ExtensionKind::AbsoluteSendTime).unwrap();
        map.insert(3, ExtensionKind::TransportSequence).unwrap();
        map.insert(20, ExtensionKind::Rid).unwrap();
        map
    }

    #[test]
    fn the_bytes_of_a_packet_with_one_byte_extensions() {
        let mut buffer = vec![0xee];
        let mut writer = RtpWriter::new(&mut buffer, &header());
        writer.csrcs([5]);
        assert!(writer.extension(&map(), &Mid::new("ab").unwrap()));
        assert!(writer.extension(&map(), &TransportSequence(0x0809)));
        writer.payload(&[0xff]);
        let expected = [
            0xee, 0x91, 111, 0xff, 0xff, 1, 2, 3, 4, 0xa0, 0xa1, 0xa2, 0xa3, 0, 0, 0, 5, 0xbe,
            0xde, 0, 2, 0x11, b'a', b'b', 0x31, 8, 9, 0, 0, 0xff,
        ];
        assert_eq!(buffer, expected);
    }

    #[test]
    fn a_section_turns_to_two_bytes_only_if_allowed() {
        let mut map = map();
        let mut buffer = Vec::new();
        let mut writer = RtpWriter::new(&mut buffer, &header());
        assert!(!writer.extension(&map, &Rid::new("hi").unwrap()));
        writer.payload(b"x");
        assert_eq!(buffer.len(), 13, "no empty section is left");
        assert_eq!(buffer[0], 0x80);

        map.allow_two_byte(true);
        let long = "a-media-id-longer-than-16";
        buffer.clear();
        let mut writer = RtpWriter::new(&mut buffer, &header());
        assert!(writer.extension(&map, &TransportSequence(7)));
        assert!(writer.extension(&map, &Mid::new(long).unwrap()));
        assert!(writer.extension(&map, &Rid::new("hi").unwrap()));
        writer.payload(b"x");
        let packet = RtpPacket::parse(&buffer).unwrap();
        assert_eq!(packet.raw_extension().unwrap().0, TWO_BYTE);
        assert_eq!(packet.extension(&map), Some(TransportSequence(7)));
        assert_eq!(packet.extension::<Mid>(&map).unwrap().as_str(), long);
        assert_eq!(packet.extension::<Rid>(&map).unwrap().as_str(), "hi");
        assert_eq!(packet.payload(), b"x");
    }

    #[test]
    fn a_section_has_a_longest_length() {
        let mut map = map();
        map.allow_two_byte(true);
        let mut buffer = Vec::new();
        let mut writer = RtpWriter::new(&mut buffer, &header());
        let written = (0..1000)
            .filter(|_| writer.extension(&map, &AbsoluteSendTime(5)))
            .count();
        writer.element(9, &[1; 255], true);
        writer.payload(&[]);
        assert!((100..=150).contains(&written), "{written}");
        assert_eq!(
            RtpPacket::parse(&buffer).unwrap().extensions().count(),
            written
        );
    }

    #[test]
    fn padding_is_counted_in_its_last_byte() {
        let mut buffer = Vec::new();
        RtpWriter::new(&mut buffer, &header()).padded_payload(&[1, 2], 255);
        let packet = RtpPacket::parse(&buffer).unwrap();
        assert_eq!(packet.payload(), [1, 2]);
        assert_eq!(packet.padding_len(), 255);
        buffer.clear();
        RtpWriter::new(&mut buffer, &header()).padded_payload(&[1, 2], 0);
        assert_eq!(RtpPacket::parse(&buffer).unwrap().padding_len(), 0);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            csrcs in prop::collection::vec(any::<u32>(), 0..16),
            elements in prop::collection::vec((1_u8..=255, prop::collection::vec(any::<u8>(), 0..24)), 0..8),
            payload in prop::collection::vec(any::<u8>(), 0..64),
            padding: u8,
        ) {
            let header = RtpHeader {
                marker, payload_type, sequence_number: Serial16(sequence),
                timestamp: Serial32(timestamp), ssrc,
            };
            let mut buffer = vec![1, 2, 3];
            let mut writer = RtpWriter::new(&mut buffer, &header);
            writer.csrcs(csrcs.iter().copied());
            for (id, value) in &elements {
                prop_assert!(writer.element(*id, value, true));
            }
            writer.padded_payload(&payload, padding);
            let packet = RtpPacket::parse(&buffer[3..]).unwrap();
            prop_assert_eq!(packet.header(), header);
            prop_assert_eq!(packet.csrcs().collect::<Vec<_>>(), csrcs);
            prop_assert_eq!(packet.payload(), payload);
            prop_assert_eq!(packet.padding_len(), padding);
            let read: Vec<_> = packet.extensions().map(|(id, value)| (id, value.to_vec())).collect();
            prop_assert_eq!(read, elements);
        }

        #[test]
        fn any_bytes_parse_or_not(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                let all = packet.header_len() + packet.payload().len() + usize::from(packet.padding_len());
                prop_assert_eq!(all, bytes.len());
                packet.extensions().for_each(drop);
            }
        }
    }
}
