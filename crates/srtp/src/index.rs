//! Packet indices: the 16 bits that a packet shows, and the 32 above them (RFC 3711, section 3.3.1).

/// One more than the highest index of a stream.
pub(crate) const INDEX_LIMIT: u64 = 1 << 48;

/// One more than the highest index of an SRTCP stream.
pub(crate) const RTCP_INDEX_LIMIT: u64 = 1 << 31;

/// The index of a packet with `sequence_number`, in a stream whose highest index so far is `highest`.
/// It may lie at or above [`INDEX_LIMIT`].
///
/// It is the index nearest to the highest one. Where the roll-over counter would become negative, it is
/// 0: RFC 3711 lets it wrap to 2^32 - 1, with which nothing is ever authentic; so a stream that just
/// began survives a gap of more than 2^15 packets.
pub(crate) fn estimate(highest: Option<u64>, sequence_number: u16) -> u64 {
    let Some(highest) = highest else {
        return u64::from(sequence_number);
    };
    let roll_over_counter = highest >> 16;
    let last = (highest & 0xffff) as u16;
    let counter = if last < 0x8000 {
        if sequence_number.wrapping_sub(last) > 0x8000 && sequence_number > last {
            roll_over_counter.saturating_sub(1)
        } else {
            roll_over_counter
        }
    } else if last - 0x8000 > sequence_number {
        roll_over_counter + 1
    } else {
        roll_over_counter
    };
    (counter << 16) | u64::from(sequence_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_packet_has_roll_over_counter_zero() {
        assert_eq!(estimate(None, 0), 0);
        assert_eq!(estimate(None, 0xffff), 0xffff);
    }

    #[test]
    fn the_nearest_index_is_taken() {
        for (highest, sequence_number, index) in [
            (0x1_0000, 0xffff, 0xffff),
            (0xffff, 0, 0x1_0000),
            (0xffff, 0x7ffe, 0x1_7ffe),
            (0xffff, 0x7fff, 0x7fff),
            (0x5_8000, 0, 0x5_0000),
            (0x5_8001, 0, 0x6_0000),
            (0x5_7fff, 0xffff, 0x5_ffff),
            (0x5_7ffe, 0xffff, 0x4_ffff),
            (0x5_1234, 0x1234, 0x5_1234),
        ] {
            let estimated = estimate(Some(highest), sequence_number);
            assert_eq!(estimated, index, "{highest:#x} and {sequence_number:#x}");
        }
    }

    #[test]
    fn a_roll_over_counter_is_never_negative() {
        assert_eq!(estimate(Some(10), 45_000), 45_000);
    }

    /// RFC 3711, appendix A, as it is written there.
    fn pseudocode(roll_over_counter: i64, s_l: i64, seq: i64) -> i64 {
        let v = if s_l < 32_768 {
            if seq - s_l > 32_768 {
                roll_over_counter - 1
            } else {
                roll_over_counter
            }
        } else if s_l - 32_768 > seq {
            roll_over_counter + 1
        } else {
            roll_over_counter
        };
        seq + v * 65_536
    }

    #[test]
    fn it_is_what_appendix_a_says() {
        for s_l in (0..0x1_0000_i64)
            .step_by(251)
            .chain([0x7fff, 0x8000, 0xffff])
        {
            for seq in (0..0x1_0000_i64)
                .step_by(241)
                .chain([0x7fff, 0x8000, 0xffff])
            {
                let expected = pseudocode(7, s_l, seq) as u64;
                let highest = (7 << 16 | s_l) as u64;
                assert_eq!(estimate(Some(highest), seq as u16), expected, "{s_l} {seq}");
            }
        }
    }
}
