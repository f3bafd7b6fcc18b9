//! The one-pass reader of `tracestate` agrees with a slow and plain one.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::tracestate(data));
