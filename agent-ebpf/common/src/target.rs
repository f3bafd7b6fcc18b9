//! A process that is watched. The key is its process id (`tgid`).

/// Places in the array that counts watched processes.
pub const PLACES: u32 = 1 << 16;

/// The place in which a process is counted.
#[must_use]
pub const fn place(tgid: u32) -> u32 {
    tgid & (PLACES - 1)
}

/// Flags of a target.
pub mod flags {
    /// Its 32-bit system calls were seen, and are not observable.
    pub const COMPAT: u32 = 1;
    /// It was put here by the kernel programs because its parent is watched; the user side has not looked at it yet.
    pub const INHERITED: u32 = 1 << 1;
}

/// What the kernel programs know of a process they watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Target {
    /// Until then everything is captured: nanoseconds of `CLOCK_MONOTONIC`.
    pub gate_until: u64,
    /// When the budget last allowed more messages: nanoseconds of `CLOCK_MONOTONIC`.
    pub allowed: u64,
    /// Messages captured of those that the budget allows at a time.
    pub messages: u32,
    /// See [`flags`].
    pub flags: u32,
    /// Messages that were not captured because the gate was closed and the budget used up.
    pub gated: u64,
}
