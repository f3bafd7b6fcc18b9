//! Digests of streams: FNV-1a over eight bytes at a time, good enough to tell that bytes were changed by accident.

/// What was sent and what was received on any number of connections, in any order of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    /// From client to server.
    pub asked: u64,
    /// From server to client.
    pub answered: u64,
}

/// A stream's digest in the making.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream(u64);

impl Digest {
    /// Adds other connections.
    pub(super) const fn join(&mut self, other: Self) {
        self.asked = self.asked.wrapping_add(other.asked);
        self.answered = self.answered.wrapping_add(other.answered);
    }
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Byte by byte, as pieces may end anywhere.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) const fn value(self) -> u64 {
        self.0
    }
}
