//! What the kernel programs count: indices into a per-CPU array of `u64`.

/// A counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Counter {
    /// Records in the ring buffer.
    Records = 0,
    /// Records that found no room in it.
    RingFull = 1,
    /// Messages that were not captured: the gate was closed and the budget used up.
    Gated = 2,
    /// Reads of user memory that failed.
    Unreadable = 3,
    /// Connections that could not be remembered.
    ConnectionsFull = 4,
    /// Threads that could not be remembered.
    ThreadsFull = 5,
    /// System calls of 32-bit callers.
    Compat = 6,
    /// Kernel structures that could not be followed from a descriptor.
    Walk = 7,
    /// Marks that were recognised.
    Marks = 8,
    /// Vectors with more parts than are looked at.
    Vectors = 9,
    /// Sockets that began to listen, or ceased to.
    Listeners = 10,
}

/// How many there are.
pub const COUNTERS: u32 = 11;

impl Counter {
    /// All of them, in order.
    pub const ALL: [Self; COUNTERS as usize] = [
        Self::Records,
        Self::RingFull,
        Self::Gated,
        Self::Unreadable,
        Self::ConnectionsFull,
        Self::ThreadsFull,
        Self::Compat,
        Self::Walk,
        Self::Marks,
        Self::Vectors,
        Self::Listeners,
    ];
}
