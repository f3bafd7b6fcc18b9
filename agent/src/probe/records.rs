//! Records, in the order the kernel programs made them.

use aya::maps::{MapData, RingBuf};

/// The ring buffer's end on this side. The kernel programs never wait for it: what finds no room is counted.
#[derive(Debug)]
pub struct Records(Ring);

struct Ring(RingBuf<MapData>);

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ring")
    }
}

impl Records {
    pub(crate) fn new(ring: RingBuf<MapData>) -> Self {
        Self(Ring(ring))
    }

    /// Hands the records that are there to `each`, at most `limit`, and says how many there were. Each is a
    /// [`Header`](throughline_common::record::Header) and its bytes. Wakes nobody and is woken by nobody: come again
    /// before the buffer is full.
    pub fn take(&mut self, limit: usize, mut each: impl FnMut(&[u8])) -> usize {
        let Self(Ring(ring)) = self;
        for taken in 0..limit {
            let Some(record) = ring.next() else { return taken };
            each(&record);
        }
        limit
    }
}
