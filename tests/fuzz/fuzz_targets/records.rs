//! Records of any content are taken within bounds, and what is told of them makes sense.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::records(data));
