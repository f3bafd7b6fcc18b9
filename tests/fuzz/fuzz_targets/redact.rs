//! Redaction changes values of credentials and nothing else.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::redact(data));
