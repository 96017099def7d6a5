#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gannet_ortc::fuzzing::commands(data));
