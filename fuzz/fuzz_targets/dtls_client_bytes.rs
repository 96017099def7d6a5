#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gannet_dtls::fuzzing::client_bytes(data));
