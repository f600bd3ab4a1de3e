#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| accord_native_fuzz::proofs(data));
