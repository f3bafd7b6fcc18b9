//! What the compiler would do in a way that the verifier, or the processor, has trouble with.
//!
//! The compiler knows that a length is small enough and drops the comparison, or compares a copy; the verifier wants it
//! compared in the register that is used, right before it is used.

/// The smaller of the two, compared where the verifier sees it.
#[inline(always)]
pub(crate) fn at_most(value: u64, limit: u32) -> u32 {
    let value = opaque(value);
    if value < u64::from(limit) { value as u32 } else { limit }
}

/// The smaller of two lengths, both below 2^63, without a branch: the verifier would go through all that follows twice.
#[inline(always)]
pub(crate) fn smaller(one: u64, other: u64) -> u64 {
    let difference = opaque(one.wrapping_sub(other));
    let if_negative = (difference as i64 >> 63) as u64;
    other.wrapping_add(difference & if_negative)
}

/// Sets words on the stack to zero, one by one: the compiler would call a function that goes byte by byte.
#[inline(always)]
pub(crate) fn zero<const WORDS: usize>(words: *mut u64) {
    for place in 0..WORDS {
        // SAFETY: the caller has that many.
        unsafe { words.add(place).write_volatile(0) };
    }
}

/// The same value, of which the compiler knows nothing any more.
#[inline(always)]
fn opaque(mut value: u64) -> u64 {
    // SAFETY: moves a register to itself.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack)) };
    value
}
