//! How long a frame took through its sender: video-timing.
//!
//! A byte of flags (missing in an older form), then six 16-bit numbers of milliseconds since capture.
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

use super::{ExtensionKind, HeaderExtension};

/// Milestones of one frame, each in milliseconds since its capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoTiming {
    /// Why it is sent: bit 0 by a timer, bit 1 because of the frame's size; 0xff is "ignore it".
    pub flags: u8,
    /// The encoder started.
    pub encode_start: u16,
    /// The encoder was done.
    pub encode_finish: u16,
    /// The frame was packetized.
    pub packetization_finish: u16,
    /// The last packet left the pacer.
    pub pacer_exit: u16,
    /// For a middlebox on the way: the packet arrived there.
    pub network: u16,
    /// For a second one.
    pub network2: u16,
}

impl HeaderExtension<'_> for VideoTiming {
    const KIND: ExtensionKind = ExtensionKind::VideoTiming;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let flags = match value.len() {
            13 => reader.u8("flags").ok()?,
            12 => 0,
            _ => return None,
        };
        let mut time = || reader.u16("time").ok();
        Some(Self {
            flags,
            encode_start: time()?,
            encode_finish: time()?,
            packetization_finish: time()?,
            pacer_exit: time()?,
            network: time()?,
            network2: time()?,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.flags);
        for time in [
            self.encode_start,
            self.encode_finish,
            self.packetization_finish,
            self.pacer_exit,
            self.network,
            self.network2,
        ] {
            out.extend_from_slice(&time.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn with_and_without_flags() {
        let mut timing = VideoTiming {
            flags: 1,
            encode_start: 2,
            encode_finish: 3,
            packetization_finish: 4,
            pacer_exit: 5,
            network: 6,
            network2: 0x0708,
        };
        let bytes = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 7, 8];
        round_trip(&timing, &bytes);
        timing.flags = 0;
        assert_eq!(VideoTiming::parse(&bytes[1..]), Some(timing));
        assert_eq!(VideoTiming::parse(&bytes[2..]), None);
    }
}
