//! What was needed once, given back to the system.
#![expect(unsafe_code, reason = "the allocator's own functions for it are foreign")]

use libmimalloc_sys::{mi_collect, mi_option_get, mi_option_set, mi_option_t};

/// `mi_option_purge_delay` of mimalloc.h: how many milliseconds what was freed is kept for whoever asks next.
const PURGE_DELAY: mi_option_t = 15;

/// Does this, and keeps nothing of what is freed meanwhile. The allocator would keep it, and after the kernel's description
/// of its types was read that is tens of MiB which nobody asks for again.
pub(super) fn without_keeping<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: take no pointers, and may be called at any time (mimalloc.h). Where another allocator is in use, nothing
    // comes of them.
    unsafe {
        let delay = mi_option_get(PURGE_DELAY);
        mi_option_set(PURGE_DELAY, 0);
        let done = work();
        mi_collect(true);
        mi_option_set(PURGE_DELAY, delay);
        done
    }
}
