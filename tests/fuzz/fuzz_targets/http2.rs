//! What is told of a conversation of HTTP/2 makes sense, however its bytes come.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::http2(data));
