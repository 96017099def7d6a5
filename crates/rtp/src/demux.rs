//! What arrives on one port: RFC 7983, section 7, and RFC 5761, section 4.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

/// What a datagram is, judged by its first two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// STUN, or TURN messages in STUN's form: first byte 0 to 3.
    Stun,
    /// ZRTP: first byte 16 to 19.
    Zrtp,
    /// A DTLS record: first byte 20 to 63 (in DTLS 1.3 the encrypted ones are 32 to 63).
    Dtls,
    /// TURN ChannelData: first byte 64 to 79.
    TurnChannel,
    /// RTP or SRTP: first byte 128 to 191, and a second byte that is no RTCP packet type.
    Rtp,
    /// RTCP or SRTCP: first byte 128 to 191, second byte 192 to 223.
    Rtcp,
    /// Nothing that shares a port here.
    Unknown,
}

/// Tells apart the protocols that share a transport (RFC 7983, section 7; RFC 5761, section 4).
///
/// It only looks at the first two bytes; whether the rest is well-formed is for the parsers.
#[inline]
#[must_use]
pub const fn classify(datagram: &[u8]) -> PacketKind {
    match datagram {
        [0..=3, ..] => PacketKind::Stun,
        [16..=19, ..] => PacketKind::Zrtp,
        [20..=63, ..] => PacketKind::Dtls,
        [64..=79, ..] => PacketKind::TurnChannel,
        [128..=191, 192..=223, ..] => PacketKind::Rtcp,
        [128..=191, _, ..] => PacketKind::Rtp,
        _ => PacketKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_rfc_7983() {
        let of = |first: u8| classify(&[first, 96, 0, 0]);
        for first in 0..=255_u8 {
            let expected = match first {
                0..=3 => PacketKind::Stun,
                16..=19 => PacketKind::Zrtp,
                20..=63 => PacketKind::Dtls,
                64..=79 => PacketKind::TurnChannel,
                128..=191 => PacketKind::Rtp,
                _ => PacketKind::Unknown,
            };
            assert_eq!(of(first), expected, "first byte {first}");
        }
    }

    // RFC 5761, section 4: with the marker bit, payload types 64 to 95 look like RTCP.
    #[test]
    fn rtcp_is_told_by_its_packet_type() {
        for second in 0..=255_u8 {
            let expected = if (192..=223).contains(&second) {
                PacketKind::Rtcp
            } else {
                PacketKind::Rtp
            };
            assert_eq!(classify(&[0x80, second]), expected, "second byte {second}");
        }
    }

    #[test]
    fn short_datagrams_are_judged_as_far_as_they_go() {
        assert_eq!(classify(&[]), PacketKind::Unknown);
        assert_eq!(classify(&[0x80]), PacketKind::Unknown);
        assert_eq!(classify(&[22]), PacketKind::Dtls);
    }
}
