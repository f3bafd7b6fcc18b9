//! A thread of a watched process. The key is its thread id.

/// What the kernel programs remember of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Thread {
    /// See [`Header::waits`](crate::record::Header::waits). Begins with the time, so that a thread which was forgotten
    /// in between never has the number it had before.
    pub waits: u64,
    /// The number of the accepted connection it last read from; 0 for none.
    pub serves: u64,
    /// Not 0 once it was seen to wait for whatever comes.
    pub loops: u64,
}
