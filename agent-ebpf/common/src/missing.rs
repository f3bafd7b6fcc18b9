//! What found no room in the ring buffer, by the connection that it was of.

use crate::connection::{ADDRESSES_LENGTH, Addresses};

/// Connections of which that is remembered.
pub const MISSING: u32 = 1 << 12;

/// Records of one connection that found no room, for as long as that is remembered: the user side tells what is new. The
/// key is the connection's number; for records of no connection it is the process's, and the addresses are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Missing {
    /// When the last of them was to be written: nanoseconds of `CLOCK_MONOTONIC`.
    pub time: u64,
    /// Records with bytes of requests or answers.
    pub data: u32,
    /// Others.
    pub other: u32,
    /// The process.
    pub tgid: u32,
    /// See [`connection::flags`](crate::connection::flags).
    pub flags: u32,
    /// Its ends.
    pub addresses: Addresses,
}

const _: () = assert!(size_of::<Missing>() == 24 + ADDRESSES_LENGTH);
