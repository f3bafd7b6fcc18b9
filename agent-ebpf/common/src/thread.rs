//! A thread of a watched process. The key is its thread id.

/// How a thread sleeps, as far as it was seen to.
pub mod habit {
    /// It was not seen asleep.
    pub const UNKNOWN: u64 = 0;
    /// It sleeps, and never was seen to wait for whatever comes.
    pub const SLEEPS: u64 = 1;
    /// It was seen to wait for whatever comes.
    pub const LOOPS: u64 = 2;
}

/// What the kernel programs remember of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Thread {
    /// See [`Header::waits`](crate::record::Header::waits). Begins with the time, so that a thread which was forgotten
    /// in between never has the number it had before.
    pub waits: u64,
    /// The number of the accepted connection it last read from; 0 for none.
    pub serves: u64,
    /// See [`habit`].
    pub habit: u64,
}
