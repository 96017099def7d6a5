#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gannet_srtp::fuzzing::unprotect_rtp(data));
