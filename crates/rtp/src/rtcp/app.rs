//! Application-defined packets: RFC 3550, section 6.7.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::Reader;

use super::{ParseRtcpError, RtcpWriter, packet_type};

/// An application-defined packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App<'a> {
    /// The five bits that the application may use.
    pub subtype: u8,
    /// Who sent it.
    pub ssrc: u32,
    /// Four ASCII characters that name the application.
    pub name: [u8; 4],
    /// What it says, in whole words.
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    pub(super) fn read(count: u8, reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        Ok(Self {
            subtype: count,
            ssrc: reader.u32("APP source")?,
            name: reader.take_array("APP name")?,
            data: reader.rest(),
        })
    }
}

impl RtcpWriter<'_> {
    /// Appends an application-defined packet; its data is padded with zeros to whole words.
    pub fn app(&mut self, app: &App<'_>) {
        self.packet(packet_type::APP, app.subtype, |out| {
            out.u32(app.ssrc);
            out.bytes(&app.name);
            out.bytes(app.data);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    #[test]
    fn written_and_read() {
        let app = App {
            subtype: 3,
            ssrc: 9,
            name: *b"gant",
            data: &[1, 2, 3, 4],
        };
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).app(&app);
        assert_eq!(bytes[..4], [0x83, 204, 0, 3]);
        assert!(matches!(packets(&bytes).next(), Some(Ok(RtcpPacket::App(read))) if read == app));
        assert!(
            packets(&[0x80, 204, 0, 1, 0, 0, 0, 1])
                .next()
                .unwrap()
                .is_err()
        );
    }
}
