//! What is read as a `traceparent` is written as what was read.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::traceparent(data));
