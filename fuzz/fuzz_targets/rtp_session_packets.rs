#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gannet_rtp_session::fuzzing::rtp_session_packets(bytes));
