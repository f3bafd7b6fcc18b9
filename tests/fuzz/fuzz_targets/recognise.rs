//! First bytes are recognised once and for all, and soon.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::recognise(data));
