#![no_main]

use gannet_rtp_payload::{PacketizationMode, PayloadFormat, fuzzing};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for mode in [
        PacketizationMode::SingleNalUnit,
        PacketizationMode::NonInterleaved,
    ] {
        fuzzing::payloads_and_frames(PayloadFormat::H264(mode), data);
    }
});
