#![no_main]

use gannet_rtp_payload::{PacketizationMode, PayloadFormat, fuzzing};

const H264: PayloadFormat = PayloadFormat::H264(PacketizationMode::NonInterleaved);

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::payloads_and_frames(H264, data));
