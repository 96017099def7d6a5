//! Opus (RFC 7587): what an Opus packet says about itself (RFC 6716, section 3).

use gannet_wire::Reader;

use crate::payload::PayloadError;

/// The longest Opus packet: 120 ms at 48,000 samples per second (RFC 6716, section 3.2.5, R5).
const MAX_SAMPLES: u32 = 5_760;
/// The longest frame in a packet, in bytes (RFC 6716, section 3.2.1).
const MAX_FRAME: usize = 1_275;

/// What the first bytes of an Opus packet say. An RTP payload is one Opus packet (RFC 7587, section
/// 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusPacket {
    /// Mode, bandwidth and frame size (0 to 31; RFC 6716, table 2).
    pub config: u8,
    /// Whether there are two channels.
    pub stereo: bool,
    /// How many frames there are (1 to 48).
    pub frames: u8,
    /// The duration of each frame, in samples at 48,000 per second, which is also the unit of the
    /// RTP timestamp (RFC 7587, section 4.1).
    pub frame_samples: u32,
}

impl OpusPacket {
    /// Reads the start of a packet.
    ///
    /// # Errors
    /// If it is not a valid Opus packet, as far as its lengths tell.
    pub fn parse(packet: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(packet);
        let toc = reader.u8("Opus TOC byte")?;
        let config = toc >> 3;
        let frames = frame_count(toc & 3, &mut reader)?;
        let parsed = Self {
            config,
            stereo: toc & 4 != 0,
            frames,
            frame_samples: frame_samples(config),
        };
        if parsed.samples() > MAX_SAMPLES {
            let why = "more than 120 ms";
            return Err(PayloadError::Unsupported {
                what: "the Opus frame count",
                value: frames,
                why,
            });
        }
        Ok(parsed)
    }

    /// The duration of the whole packet, in samples at 48,000 per second.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        self.frame_samples.saturating_mul(self.frames as u32)
    }
}

/// The frame count code and what follows it (RFC 6716, section 3.2).
fn frame_count(code: u8, reader: &mut Reader<'_>) -> Result<u8, PayloadError> {
    let remaining = reader.remaining();
    match code {
        0 if remaining > MAX_FRAME => Err(frame_length("longer than 1,275 bytes")),
        0 => Ok(1),
        // Two frames of the same length.
        1 if !remaining.is_multiple_of(2) => {
            Err(frame_length("of two that cannot be equally long"))
        }
        1 => Ok(2),
        // Two frames, with the length of the first.
        2 => {
            let first = reader.u8("Opus frame length")?;
            let len = if first < 252 {
                usize::from(first)
            } else {
                let second = reader.u8("second byte of the Opus frame length")?;
                usize::from(second)
                    .saturating_mul(4)
                    .saturating_add(usize::from(first))
            };
            reader.take(len, "first Opus frame")?;
            Ok(2)
        }
        _ => match reader.u8("Opus frame count")? & 0x3f {
            0 => {
                let why = "no frame at all";
                Err(PayloadError::Unsupported {
                    what: "the Opus frame count",
                    value: 0,
                    why,
                })
            }
            count => Ok(count),
        },
    }
}

const fn frame_length(why: &'static str) -> PayloadError {
    PayloadError::Unsupported {
        what: "the Opus frame count code",
        value: 0,
        why,
    }
}

/// RFC 6716, table 2, at 48,000 samples per second.
const fn frame_samples(config: u8) -> u32 {
    match (config, config & 3) {
        // SILK: 10, 20, 40, 60 ms.
        (0..12, 0) => 480,
        (0..12, 1) => 960,
        (0..12, 2) => 1_920,
        (0..12, _) => 2_880,
        // Hybrid: 10, 20 ms.
        (12..16, 0 | 2) => 480,
        (12..16, _) => 960,
        // CELT: 2.5, 5, 10, 20 ms.
        (_, 0) => 120,
        (_, 1) => 240,
        (_, 2) => 480,
        (_, _) => 960,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_packet_of_a_browser() {
        // CELT fullband, 20 ms, stereo, one frame.
        let packet = OpusPacket::parse(&[0xfc, 1, 2, 3]).expect("a packet");
        let expected = OpusPacket {
            config: 31,
            stereo: true,
            frames: 1,
            frame_samples: 960,
        };
        assert_eq!(packet, expected);
        assert_eq!(packet.samples(), 960);
        // SILK wideband with DTX: nothing but the TOC byte.
        assert_eq!(OpusPacket::parse(&[0x48]).expect("a packet").samples(), 960);
    }

    #[test]
    fn all_configurations_have_their_duration() {
        let tenths_of_ms: Vec<u32> = (0..32)
            .map(|config| frame_samples(config) * 10 / 48)
            .collect();
        let silk = [100, 200, 400, 600];
        let hybrid = [100, 200];
        let celt = [25, 50, 100, 200];
        let expected = [
            &silk[..],
            &silk,
            &silk,
            &hybrid,
            &hybrid,
            &celt,
            &celt,
            &celt,
            &celt,
        ];
        assert_eq!(tenths_of_ms, expected.concat());
    }

    #[test]
    fn all_frame_count_codes() {
        assert_eq!(
            OpusPacket::parse(&[0xf9, 1, 2]).map(|packet| packet.frames),
            Ok(2)
        );
        assert_eq!(
            OpusPacket::parse(&[0xfa, 1, 9, 8]).map(|packet| packet.frames),
            Ok(2)
        );
        assert_eq!(
            OpusPacket::parse(&[0xfb, 0x86]).map(|packet| packet.samples()),
            Ok(5_760)
        );
        let long = [[0xfa, 252, 1].as_slice(), &[0; 256]].concat();
        assert_eq!(OpusPacket::parse(&long).map(|packet| packet.frames), Ok(2));
    }

    #[test]
    fn impossible_packets_are_refused() {
        let long = [[0xf8].as_slice(), &[0; 1276]].concat();
        let cut = [[0xfa, 252, 1].as_slice(), &[0; 255]].concat();
        let broken: [&[u8]; 9] = [
            &[],
            &[0xf9, 1],
            &[0xfa],
            &[0xfa, 2, 1],
            &[0xfa, 252],
            &[0xfb],
            &[0xfb, 0],
            &[0xfb, 7], // 140 ms
            &long,
        ];
        for packet in broken.into_iter().chain([cut.as_slice()]) {
            assert!(OpusPacket::parse(packet).is_err(), "{packet:x?}");
        }
    }
}
