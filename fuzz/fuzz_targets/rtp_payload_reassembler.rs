#![no_main]

use gannet_rtp_payload::fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::reassembler(data));
