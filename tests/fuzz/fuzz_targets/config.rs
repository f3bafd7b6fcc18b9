//! What is read as a `config` is written as what was read.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::config(data));
