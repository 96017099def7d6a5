//! What the containers must know of Opus: how long a packet sounds, and the identification header.

use std::time::Duration;

/// The samples at 48 kHz that a decoder gives before the first that was encoded: what libopus looks
/// ahead, 6.5 ms.
pub(crate) const PRE_SKIP: u16 = 312;

/// How long a packet sounds (RFC 6716, section 3.1 and 3.2). `None` when it is no Opus packet, or
/// longer than the 120 ms that one may be.
pub(crate) fn duration(packet: &[u8]) -> Option<Duration> {
    let toc = *packet.first()?;
    let configuration = toc >> 3;
    let micros: u32 = match configuration {
        0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(configuration % 4)],
        12..16 => [10_000, 20_000][usize::from(configuration % 2)],
        _ => [2_500, 5_000, 10_000, 20_000][usize::from(configuration % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3F),
    };
    let micros = micros * frames;
    (1..=120_000)
        .contains(&micros)
        .then(|| Duration::from_micros(u64::from(micros)))
}

/// The identification header of one stream of one or two channels (RFC 7845, section 5.1).
pub(crate) fn identification_header(channels: u8) -> [u8; 19] {
    let mut header = *b"OpusHead\x01\0\0\0\0\0\0\0\0\0\0";
    header[9] = channels;
    header[10..12].copy_from_slice(&PRE_SKIP.to_le_bytes());
    header[12..16].copy_from_slice(&48_000u32.to_le_bytes());
    header
}

/// Channels and pre-skip (samples at 48 kHz) of an identification header. `None` when it is none, is of
/// a later incompatible version, or describes more than one stream.
pub(crate) fn read_identification_header(header: &[u8]) -> Option<(u8, u16)> {
    let rest = header.strip_prefix(b"OpusHead")?;
    let (version, channels) = (*rest.first()?, *rest.get(1)?);
    let pre_skip = u16::from_le_bytes([*rest.get(2)?, *rest.get(3)?]);
    let family = *rest.get(10)?;
    (version < 16 && family == 0 && (1..=2).contains(&channels)).then_some((channels, pre_skip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_by_the_first_octets() {
        for (packet, millis) in [
            // SILK 20 ms; hybrid 20 ms; CELT 20 ms: one frame each.
            (&[1 << 3][..], 20.0),
            (&[13 << 3], 20.0),
            (&[31 << 3], 20.0),
            (&[16 << 3], 2.5),
            // Two frames, and three.
            (&[3 << 3 | 1], 120.0),
            (&[31 << 3 | 3, 3], 60.0),
        ] {
            let expected = Duration::from_secs_f64(millis / 1_000.0);
            assert_eq!(duration(packet), Some(expected), "{packet:?}");
        }
        // No packet; a count that is missing; none; 180 ms.
        for packet in [&[][..], &[3], &[3, 0], &[3 << 3 | 3, 3]] {
            assert_eq!(duration(packet), None, "{packet:?}");
        }
    }

    #[test]
    fn the_header_comes_back() {
        let header = identification_header(2);
        assert_eq!(read_identification_header(&header), Some((2, PRE_SKIP)));
        for length in 0..19 {
            assert_eq!(read_identification_header(&header[..length]), None);
        }
        let mut other = header;
        other[18] = 1;
        assert_eq!(read_identification_header(&other), None);
    }
}
