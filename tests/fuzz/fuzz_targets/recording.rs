//! Recordings of observations are read back as they are written, and no bytes make the reader panic.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::recording(data));
