//! The explanation agrees with the parsers and cannot steer a terminal.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::decode(data));
