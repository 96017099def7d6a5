//! Source descriptions: RFC 3550, section 6.5.
//!
//! ```text
//!         +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! header  |V=2|P|    SC   |  PT=SDES=202  |             length            |
//!         +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! chunk   |                          SSRC/CSRC_1                          |
//!   1     |  item type    |    length     |  text ...                     |
//!         +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::{ReadError, Reader};

use super::{ParseRtcpError, RtcpWriter, packet_type};

/// What an item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SdesKind {
    /// Canonical name, 1.
    Cname,
    /// User name, 2.
    Name,
    /// Electronic mail address, 3.
    Email,
    /// Phone number, 4.
    Phone,
    /// Geographic user location, 5.
    Location,
    /// Application or tool name, 6.
    Tool,
    /// Notice or status, 7.
    Note,
    /// Private extension, 8.
    Private,
    /// The stream of a simulcast, 12 (RFC 8852).
    RtpStreamId,
    /// The stream that this one repairs, 13 (RFC 8852).
    RepairedRtpStreamId,
    /// The media section, 15 (RFC 9143).
    Mid,
    /// Any other.
    Unknown(u8),
}

impl SdesKind {
    /// The item type on the wire.
    #[must_use]
    pub const fn to_u8(self) -> u8 {
        match self {
            Self::Cname => 1,
            Self::Name => 2,
            Self::Email => 3,
            Self::Phone => 4,
            Self::Location => 5,
            Self::Tool => 6,
            Self::Note => 7,
            Self::Private => 8,
            Self::RtpStreamId => 12,
            Self::RepairedRtpStreamId => 13,
            Self::Mid => 15,
            Self::Unknown(kind) => kind,
        }
    }

    const fn from_u8(kind: u8) -> Self {
        match kind {
            1 => Self::Cname,
            2 => Self::Name,
            3 => Self::Email,
            4 => Self::Phone,
            5 => Self::Location,
            6 => Self::Tool,
            7 => Self::Note,
            8 => Self::Private,
            12 => Self::RtpStreamId,
            13 => Self::RepairedRtpStreamId,
            15 => Self::Mid,
            other => Self::Unknown(other),
        }
    }
}

/// One item of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// What it says.
    pub kind: SdesKind,
    /// Up to 255 bytes, UTF-8 by the RFC.
    pub text: &'a [u8],
}

/// A source description packet.
#[derive(Clone, Copy, Debug)]
pub struct Sdes<'a> {
    chunks: &'a [u8],
    count: u8,
}

/// The description of one source.
#[derive(Clone, Copy, Debug)]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: u32,
    items: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn read(count: u8, reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let chunks = reader.as_slice();
        for _ in 0..count {
            SdesChunk::read(reader)?;
        }
        reader.finish("SDES packet")?;
        Ok(Self { chunks, count })
    }

    /// The sources, at most 31.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut reader = Reader::new(self.chunks);
        (0..self.count).map_while(move |_| SdesChunk::read(&mut reader).ok())
    }
}

impl<'a> SdesChunk<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let start = reader.position();
        let ssrc = reader.u32("SDES source")?;
        let all = reader.as_slice();
        let items_at = reader.position();
        let items_len = loop {
            let len = reader.position().wrapping_sub(items_at);
            if reader.u8("SDES item")? == 0 {
                break len;
            }
            reader.prefixed_u8("SDES item")?;
        };
        // The null that ends the list is followed by as many more as the word needs.
        let used = reader.position().wrapping_sub(start);
        let padding = used.next_multiple_of(4).saturating_sub(used);
        reader.take(padding, "SDES padding")?;
        let items = all.get(..items_len).unwrap_or_default();
        Ok(Self { ssrc, items })
    }

    /// The items of this source.
    pub fn items(&self) -> impl Iterator<Item = SdesItem<'a>> + use<'a> {
        let mut reader = Reader::new(self.items);
        std::iter::from_fn(move || {
            let kind = SdesKind::from_u8(reader.u8("SDES item").ok()?);
            let text = reader.prefixed_u8("SDES item").ok()?.rest();
            Some(SdesItem { kind, text })
        })
    }

    /// The canonical name, if the source has one.
    #[must_use]
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.items()
            .find(|item| item.kind == SdesKind::Cname)
            .map(|item| item.text)
    }
}

impl RtcpWriter<'_> {
    /// Appends a source description of up to 31 sources. Texts are cut at 255 bytes.
    pub fn sdes<'i>(&mut self, chunks: &[(u32, &'i [SdesItem<'i>])]) {
        let (count, chunks) = super::report::at_most_31(chunks);
        self.packet(packet_type::SDES, count, |out| {
            for (ssrc, items) in chunks {
                out.u32(*ssrc);
                for item in *items {
                    out.u8(item.kind.to_u8());
                    let text = item.text.get(..255).unwrap_or(item.text);
                    out.prefixed_u8("SDES item").bytes(text);
                }
                out.u8(0);
                out.pad_to(4);
            }
        });
    }

    /// Appends a source description with nothing but canonical names.
    pub fn cname(&mut self, ssrc: u32, cname: &[u8]) {
        let item = SdesItem {
            kind: SdesKind::Cname,
            text: cname,
        };
        self.sdes(&[(ssrc, &[item])]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    fn read(bytes: &[u8]) -> Result<Sdes<'_>, ParseRtcpError> {
        match packets(bytes).next().unwrap()? {
            RtcpPacket::Sdes(sdes) => Ok(sdes),
            other => panic!("not an SDES: {other:?}"),
        }
    }

    #[test]
    fn two_sources() {
        let items = [
            SdesItem {
                kind: SdesKind::Cname,
                text: b"ab",
            },
            SdesItem {
                kind: SdesKind::Mid,
                text: b"0",
            },
        ];
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).sdes(&[(1, &items), (2, &items[..1])]);
        let expected = [
            0x82, 202, 0, 6, 0, 0, 0, 1, 1, 2, b'a', b'b', 15, 1, b'0',
            0, // one null is enough
            0, 0, 0, 2, 1, 2, b'a', b'b', 0, 0, 0, 0,
        ];
        assert_eq!(bytes, expected);
        let sdes = read(&bytes).unwrap();
        let chunks: Vec<_> = sdes.chunks().collect();
        assert_eq!(chunks[0].items().collect::<Vec<_>>(), items);
        assert_eq!(chunks[1].ssrc, 2);
        assert_eq!(chunks[1].cname(), Some(&b"ab"[..]));
    }

    #[test]
    fn cut_items_are_errors() {
        for bytes in [
            &[0x81, 202, 0, 1, 0, 0, 0, 1][..],
            &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, b'a', b'b'],
            &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, b'a', b'b'],
            &[0x80, 202, 0, 1, 0, 0, 0, 1],
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
