//! From the kernel programs' records to HTTP exchanges. Pure: no I/O, no clock; bounded, whatever the records say.
//!
//! Owns the order of records, what is missing between them, and who did what when; what the bytes mean is
//! [`http`](crate::http)'s business. Where bytes are missing it says so: nothing that was not seen is made up, and
//! nothing that may belong to another request is put down to this one.

mod address;
mod around;
mod connection;
mod exchange;
mod half;
mod held;
mod join;
mod outcome;
mod threads;

use std::collections::HashMap;

use throughline_common::connection::{Addresses, flags};
use throughline_common::record::{Header, Kind};

use around::Around;
use connection::Followed;

pub use address::ends;
pub use around::{Bounds, Counts, Loss, Wish};
pub use exchange::Exchange;

/// How often it is looked for what has been under way for too long: nanoseconds.
const LOOK: u64 = 1_000_000_000;

/// All connections of all processes that are watched.
#[derive(Debug)]
pub struct Streams {
    connections: HashMap<u64, Followed>,
    around: Around,
    /// Connections with records that wait.
    waiting: Vec<u64>,
    looked: u64,
    /// When room was made last.
    cleared: u64,
}

impl Streams {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { connections: HashMap::new(), around: Around::new(bounds), waiting: Vec::new(), looked: 0, cleared: 0 }
    }

    /// A record as it lies in the ring buffer, taken in; and what it says, where it can be read.
    pub fn read<'a>(&mut self, record: &'a [u8]) -> Option<(Header, &'a [u8])> {
        let read = Header::read(record);
        match &read {
            Some((header, data)) => self.take(header, data),
            None => self.around.counts.unreadable += 1,
        }
        read
    }

    /// A record, in the order of the ring buffer. What tells of processes is not looked at.
    pub fn take(&mut self, header: &Header, data: &[u8]) {
        self.around.counts.records += 1;
        match Kind::of(header.kind) {
            Some(Kind::Open) => self.open(header, data),
            Some(Kind::Data) => self.data(header, data),
            Some(Kind::Close) => self.close(header),
            Some(Kind::Exec | Kind::Fork | Kind::Exit | Kind::Uring) => {}
            None => self.around.counts.unreadable += 1,
        }
    }

    /// It is this late: nanoseconds of `CLOCK_MONOTONIC`.
    pub fn advance(&mut self, now: u64) {
        for number in std::mem::take(&mut self.waiting) {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            connection.force(now, &mut self.around);
            if connection.holds() {
                self.waiting.push(number);
            }
        }
        if now >= self.looked.saturating_add(LOOK) {
            self.looked = now;
            for connection in self.connections.values_mut() {
                connection.lose_patience(now, &mut self.around);
            }
        }
    }

    /// Exchanges that are over, or that were waited for long enough.
    pub fn exchanges(&mut self) -> impl Iterator<Item = Exchange> {
        self.around.finished.drain(..)
    }

    /// What the kernel programs are asked to do.
    pub fn wishes(&mut self) -> impl Iterator<Item = Wish> {
        self.around.wishes.drain(..)
    }

    /// What went by unseen since this was asked last.
    pub fn losses(&mut self) -> impl Iterator<Item = Loss> {
        self.around.losses.drain(..)
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.around.counts
    }

    /// Connections that are followed now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    fn open(&mut self, header: &Header, data: &[u8]) {
        let Some(addresses) = Addresses::read(data) else {
            self.around.counts.unreadable += 1;
            return;
        };
        if let Some(connection) = self.connections.get_mut(&header.connection) {
            // Bytes of it came first: it is followed as one whose beginning was not seen.
            connection.name(&addresses);
            return;
        }
        if addresses.flags & flags::ACCEPTED != 0 {
            self.around.threads.serve(header.tid, header.connection);
        }
        let connection = Followed { time: header.time, ..Followed::open(header.connection, &addresses) };
        self.insert(header, connection);
    }

    fn data(&mut self, header: &Header, data: &[u8]) {
        if !self.connections.contains_key(&header.connection)
            && !self.insert(header, Followed::joined(header.connection))
        {
            return;
        }
        let Some(connection) = self.connections.get_mut(&header.connection) else { return };
        let held = connection.holds();
        connection.take(header, data, &mut self.around);
        if connection.holds() && !held {
            self.waiting.push(header.connection);
        }
    }

    fn close(&mut self, header: &Header) {
        let Some(mut connection) = self.connections.remove(&header.connection) else { return };
        connection.force(u64::MAX, &mut self.around);
        connection.catch_up_both(header, &mut self.around);
        connection.close(header.time, &mut self.around);
    }

    /// Takes a connection in, if there is room.
    fn insert(&mut self, header: &Header, connection: Followed) -> bool {
        if self.connections.len() >= self.around.bounds.connections {
            self.make_room(header.time);
            if self.connections.len() >= self.around.bounds.connections {
                self.around.counts.no_room += 1;
                return false;
            }
        }
        self.around.counts.connections += 1;
        self.connections.insert(header.connection, connection);
        true
    }

    /// Forgets connections that have been silent: their end may have been lost.
    fn make_room(&mut self, now: u64) {
        if self.cleared != 0 && now < self.cleared.saturating_add(LOOK) {
            return;
        }
        self.cleared = now;
        let before = now.saturating_sub(self.around.bounds.idle);
        let around = &mut self.around;
        self.connections.retain(|_, connection| {
            let is_kept = connection.time >= before;
            if !is_kept {
                connection.close(connection.time, around);
            }
            is_kept
        });
    }
}

#[cfg(test)]
mod tests;
