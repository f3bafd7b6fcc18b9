//! The buffers of a call, one after the other: a single one, or those of a vector in the caller's memory.

use crate::kernel::read_user;

/// Pieces of one buffer that are looked at: four make a whole head.
pub(crate) const PIECES_OF_ONE: u32 = 5;
/// Pieces of several buffers, empty ones included.
pub(crate) const PIECES_OF_MANY: u32 = 12;

/// Bytes of `struct iovec`.
const VECTOR: u64 = 16;
/// `user_msghdr.msg_iov` and `msg_iovlen`.
const MESSAGE_VECTORS: u64 = 16;

/// What is left of the buffers of a call.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    /// Where this buffer goes on, and where it ends. Its length is not kept: the verifier would follow it from piece to
    /// piece, and find every combination of lengths worth a look.
    pub(crate) address: u64,
    end: u64,
    /// The next vector.
    next: u64,
    /// How many vectors are left.
    count: u64,
    /// How many pieces are looked at.
    pub(crate) pieces: u32,
}

impl Buffers {
    /// One buffer.
    #[inline(always)]
    pub(crate) fn one(address: u64, length: u32) -> Self {
        Self { address, end: address.wrapping_add(u64::from(length)), next: 0, count: 0, pieces: PIECES_OF_ONE }
    }

    /// None: the bytes went past the caller's memory.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self::one(0, 0)
    }

    /// Those of an array of `struct iovec`.
    #[inline(always)]
    pub(crate) fn of_vectors(address: u64, count: u64) -> Self {
        Self { address: 0, end: 0, next: address, count, pieces: PIECES_OF_MANY }
    }

    /// Those of a `struct msghdr`.
    #[inline(always)]
    pub(crate) fn of_message(address: u64) -> Option<Self> {
        let [vectors, count]: [u64; 2] = read_user(address.wrapping_add(MESSAGE_VECTORS))?;
        Some(Self::of_vectors(vectors, count))
    }

    /// Begins with the first buffer of a vector, if it is one.
    #[inline(always)]
    pub(crate) fn begun(mut self) -> Self {
        self.load();
        self
    }

    /// Goes on to the next buffer if this one is used up. False if there is none, or it cannot be read.
    #[inline(always)]
    pub(crate) fn load(&mut self) -> bool {
        if self.length() != 0 {
            return true;
        }
        if self.count == 0 {
            return false;
        }
        let Some([address, length]) = read_user::<[u64; 2]>(self.next) else { return false };
        self.address = address;
        self.end = address.wrapping_add(length);
        self.next = self.next.wrapping_add(VECTOR);
        self.count -= 1;
        true
    }

    /// Leaves `bytes` of this buffer behind.
    #[inline(always)]
    pub(crate) fn advance(&mut self, bytes: u32) {
        self.address = self.address.wrapping_add(u64::from(bytes));
    }

    /// Bytes that are left of this buffer.
    #[inline(always)]
    pub(crate) fn length(&self) -> u64 {
        self.end.wrapping_sub(self.address)
    }
}
