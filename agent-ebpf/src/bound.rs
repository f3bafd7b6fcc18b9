//! Bounds that the verifier sees.
//!
//! The compiler knows that a length is small enough and drops the comparison, or compares a copy; the verifier wants it
//! compared in the register that is used, right before it is used.

/// The smaller of the two, compared where the verifier sees it.
#[inline(always)]
pub(crate) fn at_most(value: u64, limit: u32) -> u32 {
    let value = opaque(value);
    if value < u64::from(limit) { value as u32 } else { limit }
}

/// The same value, of which the compiler knows nothing any more.
#[inline(always)]
fn opaque(mut value: u64) -> u64 {
    // SAFETY: moves a register to itself.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack)) };
    value
}
