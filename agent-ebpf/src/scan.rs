//! Looking for a mark in what a process just read, before anything else is decided about it.
//!
//! Of each literal eight bytes are compared. The last of them, which is none of the seven before, is looked for in eight
//! bytes of the head at a time, and only what stands before it is compared with the rest. Nothing here branches on
//! single bytes, which keeps both the verifier and the processor quick.

use core::mem::MaybeUninit;

use throughline_common::literal::Literal;
use throughline_common::settings::MAX_LITERALS;

use crate::bound::{at_most, zero};
use crate::kernel;
use crate::settings::setting;

/// Bytes that are looked at.
const MAX_SCANNED: u32 = 2048;
/// Bytes that are copied to the stack at a time, as bytes and as words.
const CHUNK: u32 = 128;
const WORDS: usize = CHUNK as usize / 8;

/// Not 0 if any of the literals is in the first 2 kB of the caller's memory there.
#[inline(always)]
pub(crate) fn finds_mark(address: u64, length: u64) -> u32 {
    let mut words = MaybeUninit::<[u64; WORDS]>::uninit();
    let words: *mut u64 = words.as_mut_ptr().cast();
    zero::<WORDS>(words);
    let last = [0, 1, 2, 3].map(|number: usize| setting!(literal[number].last));
    let mut before = 0u64;
    for number in 0..MAX_SCANNED / CHUNK {
        let done = u64::from(number * CHUNK);
        if done >= length {
            break;
        }
        let size = at_most(length - done, CHUNK);
        if !kernel::copy_user(words.cast(), size, address.wrapping_add(done)) {
            break;
        }
        // The last chunk is followed by what is left of the one before it: at worst two halves of a mark meet there.
        for place in 0..WORDS {
            // SAFETY: within the array.
            let now = unsafe { words.add(place).read_volatile() };
            if finds(before, now, &last) {
                return 1;
            }
            before = now;
        }
    }
    0
}

/// Whether any of the literals ends in `now`, which follows `before`.
#[inline(always)]
fn finds(before: u64, now: u64, last: &[u64; MAX_LITERALS]) -> bool {
    for (number, last) in last.iter().enumerate() {
        if number as u32 >= setting!(literals) {
            break;
        }
        if Literal::ends_in(setting!(literal[number].word), *last, before, now) {
            return true;
        }
    }
    false
}
