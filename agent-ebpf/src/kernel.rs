//! Reading memory of the kernel and of the caller. Every read may fail, and says so.

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};

/// The value at `offset` bytes from a kernel address.
#[inline(always)]
pub(crate) fn read<T>(base: u64, offset: u32) -> Option<T> {
    let address = base.wrapping_add(u64::from(offset)) as *const T;
    // SAFETY: the helper checks the address and fails where there is nothing.
    unsafe { bpf_probe_read_kernel(address) }.ok()
}

/// The value at an address of the caller's memory.
#[inline(always)]
pub(crate) fn read_user<T>(address: u64) -> Option<T> {
    // SAFETY: the helper checks the address and fails where there is nothing.
    unsafe { aya_ebpf::helpers::bpf_probe_read_user(address as *const T) }.ok()
}

/// Copies `length` bytes of the caller's memory to `to`, or none. The verifier knows the room there.
#[inline(always)]
pub(crate) fn copy_user(to: *mut u8, length: u32, from: u64) -> bool {
    // SAFETY: the helper checks `from`, and the verifier that `to` has room.
    unsafe { generated::bpf_probe_read_user(to.cast(), length, from as *const _) == 0 }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: takes nothing.
    unsafe { generated::bpf_ktime_get_ns() }
}
