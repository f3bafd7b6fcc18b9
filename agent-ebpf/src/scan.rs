//! Looking for a mark in what a process just read, before anything else is decided about it.
//!
//! Of each literal eight bytes are compared. The last of them, which is none of the seven before, is looked for in eight
//! bytes of the head at a time, in four such words at once, and only what stands before it is compared with the rest.
//! Nothing here branches on single bytes, which keeps both the verifier and the processor quick.

use throughline_common::literal::Literal;
use throughline_common::settings::MAX_LITERALS;

use crate::bound::at_most;
use crate::kernel;
use crate::maps::HEADS;
use crate::settings::setting;

/// Bytes that are looked at, and as words.
const SEARCHED: u32 = 4096;
const WORDS: usize = SEARCHED as usize / 8;

/// Words that are looked at together.
const AT_ONCE: usize = 4;

/// What a thread read, and some words more, so that the last four are whole.
pub(crate) type Head = [u64; WORDS + AT_ONCE];
/// Places for them.
pub(crate) const PLACES: u32 = 1 << 10;

/// Not 0 if any of the literals is in the first 4 kB of the caller's memory there.
///
/// They are copied at once, since each copy costs more than to search a hundred bytes. Not to the stack, which has no
/// room for them, but to a place by the thread's id: the processor would be another thread's as soon as this one has to
/// give it up. Of threads that share a place, two would have to search at the same moment for one to miss a mark, or to
/// take the other's for its own.
#[inline(always)]
pub(crate) fn finds_mark(tid: u32, address: u64, length: u64) -> u32 {
    let Some(head) = HEADS.get_ptr_mut(tid % PLACES) else { return 0 };
    let words: *mut u64 = head.cast();
    let length = at_most(length, SEARCHED);
    for place in 0..AT_ONCE {
        // SAFETY: there are that many words more than bytes are copied.
        unsafe { words.add(length as usize / 8 + place).write_volatile(0) };
    }
    if !kernel::copy_user(words.cast(), length, address) {
        return 0;
    }
    for number in 0..MAX_LITERALS {
        if number as u32 >= setting!(literals) {
            break;
        }
        if finds(words, length, setting!(literal[number].word), setting!(literal[number].last)) {
            return 1;
        }
    }
    0
}

/// Whether a literal is in these words, of which so many bytes count.
#[inline(always)]
fn finds(words: *const u64, length: u32, word: u64, last: u64) -> bool {
    let mut before = 0u64;
    for at in 0..WORDS / AT_ONCE {
        if at * AT_ONCE * 8 >= length as usize {
            break;
        }
        // SAFETY: within the map's value.
        let now = [0, 1, 2, 3].map(|place| unsafe { words.add(at * AT_ONCE + place).read_volatile() });
        let [a, b, c, d] = now;
        if Literal::may_end_in(last, now)
            && (Literal::ends_in(word, last, before, a)
                || Literal::ends_in(word, last, a, b)
                || Literal::ends_in(word, last, b, c)
                || Literal::ends_in(word, last, c, d))
        {
            return true;
        }
        before = d;
    }
    false
}
