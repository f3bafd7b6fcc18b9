//! What `/proc` and executables say of processes is read within bounds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::bodies::process(data));
