#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_fuzz_bodies::header_map(data));
