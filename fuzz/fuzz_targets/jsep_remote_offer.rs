#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gannet_jsep::fuzzing::remote_offer(data));
