//! What was needed once, given back to the system.
#![expect(unsafe_code, reason = "the allocator's own function for it is foreign")]

/// Gives back what this thread has freed. The allocator would keep it for the next that asks, and after the kernel's
/// description of its types was read that is tens of MiB which nobody asks for again.
pub(super) fn give_back() {
    // SAFETY: takes no pointers, and may be called at any time (mimalloc.h). Where another allocator is in use, there is
    // nothing to give back.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
