#![no_main]

use gannet_rtp_payload::{PayloadFormat, fuzzing};

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::payloads_and_frames(PayloadFormat::Av1, data));
