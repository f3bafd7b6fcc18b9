//! What the kernel programs do, told in short: calls in, records out. Keeps to the rules of `agent-ebpf`.

use std::collections::HashMap;

use throughline_common::connection::{ADDRESSES_LENGTH, flags as role};
use throughline_common::record::{Direction, Header, Kind, MAX_CHUNK, flags};

use crate::probe::streams::Streams;

/// Bytes of a turn that are captured.
pub(super) const HEAD_BYTES: u32 = 16 << 10;
/// The process that all calls are made by.
pub(super) const TGID: u32 = 100;

/// A machine with one process that is watched.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    pub(super) now: u64,
    connections: HashMap<u64, Connection>,
    waits: HashMap<u32, u64>,
    /// Records in the order of the ring buffer.
    pub(super) records: Vec<(Header, Vec<u8>)>,
    /// Requests that begin now are passed over.
    pub(super) is_gated: bool,
}

#[derive(Debug, Default)]
struct Connection {
    role: u32,
    /// What an answer said of it, where nobody saw how it came about.
    learnt: u32,
    is_told: bool,
    is_gated: bool,
    turn: Option<Direction>,
    turn_time: u64,
    halves: [Half; 2],
}

#[derive(Debug, Default, Clone, Copy)]
struct Half {
    offset: u64,
    time: u64,
    sequence: u32,
    left: u32,
    gated: bool,
}

impl Kernel {
    /// A connection that was accepted by `tid`.
    pub(super) fn accept(&mut self, number: u64, tid: u32) {
        self.connections.insert(number, Connection { role: role::ACCEPTED, ..Connection::default() });
        self.open(number, tid);
    }

    /// A connection that was made by `tid`.
    pub(super) fn connect(&mut self, number: u64, tid: u32) {
        self.connections.insert(number, Connection { role: role::CONNECTED, ..Connection::default() });
        self.open(number, tid);
    }

    /// `tid` read or wrote bytes in one call. A connection nobody spoke of was open before.
    pub(super) fn moves(&mut self, number: u64, tid: u32, direction: Direction, bytes: &[u8]) {
        self.call(number, tid, direction, bytes.len() as u32, Some(bytes));
    }

    pub(super) fn reads(&mut self, number: u64, tid: u32, bytes: &[u8]) {
        self.moves(number, tid, Direction::Read, bytes);
    }

    pub(super) fn writes(&mut self, number: u64, tid: u32, bytes: &[u8]) {
        self.moves(number, tid, Direction::Write, bytes);
    }

    /// `tid` sent bytes of a file.
    pub(super) fn sends_file(&mut self, number: u64, tid: u32, bytes: u32) {
        self.call(number, tid, Direction::Write, bytes, None);
    }

    /// `tid` waited for whatever comes.
    pub(super) fn waits(&mut self, tid: u32) {
        *self.waits.entry(tid).or_default() += 1;
    }

    pub(super) fn close(&mut self, number: u64) {
        self.now += 1000;
        let Some(connection) = self.connections.remove(&number) else { return };
        let [read, written] = connection.halves;
        let header = Header {
            kind: Kind::Close as u8,
            flags: flags::LAST,
            time: self.now,
            connection: number,
            tgid: TGID,
            offset: read.offset,
            other_offset: written.offset,
            other_time: read.time,
            turn_time: written.time,
            ..Header::default()
        };
        if connection.is_told {
            self.records.push((header, Vec::new()));
        }
    }

    /// Everything that is in the ring buffer, taken by `streams`.
    pub(super) fn drain(&mut self, streams: &mut Streams) {
        for (header, data) in self.records.drain(..) {
            streams.take(&header, &data);
        }
    }

    fn open(&mut self, number: u64, tid: u32) {
        self.now += 1000;
        let connection = self.connections.entry(number).or_default();
        connection.is_told = true;
        let mut addresses = [0; ADDRESSES_LENGTH];
        let port = number as u16;
        let fields: [(usize, &[u8]); 6] = [
            (0, &[127, 0, 0, 1]),
            (16, &[127, 0, 0, 1]),
            (32, &80u16.to_ne_bytes()),
            (34, &port.to_ne_bytes()),
            (36, &[4]),
            (40, &connection.role.to_ne_bytes()),
        ];
        for (at, bytes) in fields {
            addresses[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let header = Header {
            kind: Kind::Open as u8,
            flags: flags::LAST,
            length: ADDRESSES_LENGTH as u32,
            time: self.now,
            connection: number,
            tgid: TGID,
            tid,
            ..Header::default()
        };
        self.records.push((header, addresses.to_vec()));
    }

    /// `bytes` are not there where the call moves what is not in the caller's memory.
    fn call(&mut self, number: u64, tid: u32, direction: Direction, moved: u32, bytes: Option<&[u8]>) {
        if moved == 0 {
            return;
        }
        self.now += 1000;
        let now = self.now;
        let waits = self.waits.get(&tid).copied().unwrap_or_default();
        let connection = self.connections.entry(number).or_default();
        let at = direction as usize;
        let mut begins = connection.turn != Some(direction);
        if begins {
            (connection.turn, connection.turn_time) = (Some(direction), now);
            connection.halves[at].left = HEAD_BYTES;
            let answers = if direction == Direction::Read { role::CALLED } else { role::SERVED };
            if (connection.role | connection.learnt) & answers == 0 {
                connection.is_gated = self.is_gated;
            }
        }
        if !connection.is_gated && connection.halves[at].left > 0 && !connection.is_told {
            self.open(number, tid);
        }
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let mut rest = moved;
        while rest > 0 && connection.halves[at].left > 0 && !connection.is_gated {
            let other = connection.halves[1 - at];
            let is_answer = begins && connection.role == 0 && bytes.is_some_and(|bytes| bytes.starts_with(b"HTTP/1."));
            if is_answer && connection.learnt == 0 {
                connection.learnt = if direction == Direction::Read { role::ASKS } else { role::ANSWERS };
            }
            let half = &mut connection.halves[at];
            let length = if bytes.is_none() { 0 } else { rest.min(half.left).min(MAX_CHUNK as u32) };
            let is_last = bytes.is_none() || length == rest || length == half.left;
            let mut record_flags = 0;
            for (is_set, flag) in [
                (begins, flags::TURN),
                (is_last, flags::LAST),
                (is_last && length < rest && bytes.is_some(), flags::CUT),
                (bytes.is_none(), flags::OPAQUE),
                (half.gated, flags::GATED),
            ] {
                record_flags |= if is_set { flag } else { 0 };
            }
            let place = moved - rest;
            let data = bytes.map(|bytes| bytes[place as usize..(place + length) as usize].to_vec());
            let header = Header {
                kind: Kind::Data as u8,
                direction: direction as u8,
                flags: record_flags,
                length,
                time: now,
                connection: number,
                tgid: TGID,
                tid,
                offset: half.offset + u64::from(place),
                other_offset: other.offset,
                other_time: other.time,
                turn_time: connection.turn_time,
                waits,
                moved: rest,
                sequence: half.sequence,
            };
            self.records.push((header, data.unwrap_or_default()));
            (half.sequence, half.gated, begins) = (half.sequence + 1, false, false);
            let taken = if bytes.is_none() { rest } else { length };
            half.left = half.left.saturating_sub(taken);
            rest -= taken;
        }
        let half = &mut connection.halves[at];
        half.offset += u64::from(moved);
        half.gated |= connection.is_gated;
        if !connection.is_gated {
            half.time = now;
        }
    }
}
