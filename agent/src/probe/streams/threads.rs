//! What threads do besides the request they serve, as far as it shows in what they accept, read and write.

use std::collections::HashMap;

/// How often each thread turned to something else.
///
/// The kernel programs count waits on several descriptors, and on one that is no connection of the thread's own. Added
/// to that is what only the streams tell: that the thread accepted a connection, read from another client or answered
/// one.
#[derive(Debug)]
pub(super) struct Threads {
    known: HashMap<u32, Turns>,
    most: usize,
    /// Where counts begin: threads that were forgotten and come again must not look as if they had never turned.
    first: u64,
}

/// More turns than a thread makes while one of its requests is under way.
const APART: u64 = 1 << 32;

#[derive(Debug, Clone, Copy)]
struct Turns {
    /// The connection of a client it last had to do with.
    last: u64,
    count: u64,
}

impl Threads {
    pub(super) fn new(most: usize) -> Self {
        Self { known: HashMap::new(), most, first: 0 }
    }

    /// The thread had to do with the connection of a client.
    pub(super) fn serve(&mut self, tid: u32, connection: u64) {
        if self.known.len() >= self.most && !self.known.contains_key(&tid) {
            self.known.clear();
            self.first = self.first.wrapping_add(APART);
        }
        let turns = self.known.entry(tid).or_insert(Turns { last: connection, count: self.first });
        if turns.last != connection {
            *turns = Turns { last: connection, count: turns.count.wrapping_add(1) };
        }
    }

    /// A number that is another one once the thread has waited elsewhere or turned to another client. `waits` is what the
    /// kernel programs counted.
    pub(super) fn elsewhere(&self, tid: u32, waits: u64) -> u64 {
        waits.wrapping_add(self.known.get(&tid).map_or(self.first, |turns| turns.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_serves_one_client_is_nowhere_else() {
        let mut threads = Threads::new(2);
        threads.serve(1, 7);
        let begun = threads.elsewhere(1, 5);
        threads.serve(1, 7);
        threads.serve(2, 8);
        assert_eq!(threads.elsewhere(1, 5), begun, "its own client, and what others do");
        assert_ne!(threads.elsewhere(1, 6), begun, "it waited for several descriptors");
        threads.serve(1, 8);
        threads.serve(1, 7);
        assert_ne!(threads.elsewhere(1, 5), begun, "it turned to another client and came back");
        let begun = threads.elsewhere(1, 5);
        threads.serve(3, 9);
        threads.serve(1, 7);
        assert_ne!(threads.elsewhere(1, 5), begun, "too many threads: nothing is known of it any more");
    }
}
