#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gannet_turn::fuzzing::client(bytes));
