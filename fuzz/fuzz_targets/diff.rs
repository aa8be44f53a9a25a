//! Two versions of a file, whatever is in them: the laws of `semantic-diff/tests/law` hold.

#![no_main]

#[path = "../../semantic-diff/tests/law/input.rs"]
mod input;
#[path = "../../semantic-diff/tests/law/mod.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|data: &[u8]| input::check(data));
