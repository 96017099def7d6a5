#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gannet_ice::fuzzing::packets(bytes));
