//! The propagation decision keeps its promises for any input.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::decision(data));
