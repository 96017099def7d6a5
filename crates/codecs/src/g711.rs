//! G.711 (ITU-T G.711): 8-bit logarithmic samples at 8 kHz, µ-law and A-law.
//!
//! [`encode`] and [`decode`] are the sample-wise laws; the codec objects come from
//! [`AudioCodec::Pcmu`](crate::AudioCodec::Pcmu) and [`AudioCodec::Pcma`](crate::AudioCodec::Pcma).

/// Which of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law: PCMU.
    Mu,
    /// A-law: PCMA.
    A,
}

/// Added to a µ-law magnitude so that every segment begins at a power of two (33 of 14 bits).
const MU_BIAS: i32 = 33 << 2;
/// The largest magnitude that µ-law can say.
const MU_CLIP: i32 = 32_635;

const MU_DECODE: [i16; 256] = table(Law::Mu);
const A_DECODE: [i16; 256] = table(Law::A);

/// The octet nearest to a 16-bit sample.
pub fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => encode_mu(i32::from(sample)),
        Law::A => encode_a(i32::from(sample)),
    }
}

/// The 16-bit sample that an octet stands for.
pub fn decode(law: Law, octet: u8) -> i16 {
    match law {
        Law::Mu => MU_DECODE[usize::from(octet)],
        Law::A => A_DECODE[usize::from(octet)],
    }
}

fn encode_mu(sample: i32) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.abs().min(MU_CLIP) + MU_BIAS;
    // Bits 7 to 14 name the segment; the four bits below the leading one are the step in it.
    let segment = 24 - magnitude.leading_zeros();
    let step = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

fn encode_a(sample: i32) -> u8 {
    // The one's complement makes -1 the mirror image of 0, as the law's sign bit does.
    let (sign, magnitude) = if sample < 0 {
        (0, !sample)
    } else {
        (0x80, sample)
    };
    let segment = (24 - (magnitude | 0xFF).leading_zeros()).min(7);
    let step = (magnitude >> if segment == 0 { 4 } else { segment + 3 }) & 0x0F;
    // Every other bit is inverted on the line (G.711, section 3.1, note 2 to table 1a).
    (sign | (segment << 4) as u8 | step as u8) ^ 0x55
}

const fn table(law: Law) -> [i16; 256] {
    let mut samples = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        samples[octet] = match law {
            Law::Mu => decode_mu(octet as u8),
            Law::A => decode_a(octet as u8),
        };
        octet += 1;
    }
    samples
}

const fn decode_mu(octet: u8) -> i16 {
    let bits = !octet;
    let segment = (bits >> 4) & 0x07;
    let step = (bits & 0x0F) as i32;
    let magnitude = ((((step << 1) + 33) << segment) - 33) << 2;
    if bits & 0x80 == 0 {
        magnitude as i16
    } else {
        -magnitude as i16
    }
}

const fn decode_a(octet: u8) -> i16 {
    let bits = octet ^ 0x55;
    let segment = (bits >> 4) & 0x07;
    let step = (bits & 0x0F) as i32;
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if bits & 0x80 != 0 {
        magnitude as i16
    } else {
        -magnitude as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_octets() {
        // (sample, µ-law, A-law), as CPython's audioop and FFmpeg encode them.
        let vectors = [
            (0, 0xFF, 0xD5),
            (8, 0xFE, 0xD5),
            (-8, 0x7E, 0x55),
            (1000, 0xCE, 0xFA),
            (-1000, 0x4E, 0x7A),
            (12_345, 0x97, 0xBD),
            (i16::MAX, 0x80, 0xAA),
            (i16::MIN, 0x00, 0x2A),
        ];
        for (sample, mu, a) in vectors {
            assert_eq!(encode(Law::Mu, sample), mu, "mu-law of {sample}");
            assert_eq!(encode(Law::A, sample), a, "A-law of {sample}");
        }
        assert_eq!(decode(Law::Mu, 0x00), -32_124);
        assert_eq!(decode(Law::Mu, 0x80), 32_124);
        assert_eq!(decode(Law::Mu, 0xFF), 0);
        assert_eq!(decode(Law::A, 0xD5), 8);
        assert_eq!(decode(Law::A, 0x2A), -32_256);
    }

    #[test]
    fn every_octet_survives_a_round_trip() {
        for octet in 0..=255u8 {
            assert_eq!(encode(Law::A, decode(Law::A, octet)), octet);
            // µ-law has two zeros, and both mean silence.
            let expected = if octet == 0x7F { 0xFF } else { octet };
            assert_eq!(encode(Law::Mu, decode(Law::Mu, octet)), expected);
        }
    }

    #[test]
    fn the_error_is_a_step_of_the_segment() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let heard = i32::from(decode(law, encode(law, sample)));
                let error = (heard - i32::from(sample)).abs();
                let allowed = 8 + i32::from(sample).abs() / 25;
                assert!(error <= allowed, "{law:?}: {sample} became {heard}");
            }
        }
    }
}
