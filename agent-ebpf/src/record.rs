//! Records: reserved in the ring buffer, filled in place, and handed over.

use throughline_common::connection::{ADDRESSES_LENGTH, Addresses, Connection, flags as connection_flags};
use throughline_common::counter::Counter;
use throughline_common::record::{HEADER_LENGTH, Header, Kind, MAX_CHUNK, flags};

use crate::bound::{at_most, zero};
use crate::counters::count;
use crate::maps::RECORDS;
use crate::task::Task;
use crate::turn;
use crate::{kernel, missing, walk};

/// `BPF_RB_NO_WAKEUP`: the reader comes by itself.
const QUIETLY: u64 = 1;

/// A record with room for `ROOM` bytes.
#[repr(C)]
struct Record<const ROOM: usize> {
    header: Header,
    data: [u8; ROOM],
}

/// A record of kind `Open`.
#[repr(C)]
struct Opened {
    header: Header,
    addresses: Addresses,
}

/// What became of a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is in the ring buffer, or found no room.
    Done,
    /// It begins a record of TLS; the connection is muted.
    Encrypted,
}

/// What the records of one call share.
#[derive(Clone, Copy)]
pub(crate) struct Data {
    pub(crate) task: Task,
    pub(crate) sock: u64,
    pub(crate) connection: *mut Connection,
    pub(crate) direction: u32,
    pub(crate) now: u64,
    pub(crate) waits: u64,
}

impl Data {
    /// Makes a record of a piece, in the smallest of three sizes.
    #[inline(always)]
    pub(crate) fn write(&self, piece: &Piece) -> Written {
        // SAFETY: the map's value is there for as long as the program runs.
        if unsafe { (*self.connection).flags } & connection_flags::TOLD == 0 {
            open(self.sock, self.connection, &self.task);
        }
        let written = if piece.length <= 448 {
            self.write_sized::<448>(piece)
        } else if piece.length <= 1472 {
            self.write_sized::<1472>(piece)
        } else {
            self.write_sized::<MAX_CHUNK>(piece)
        };
        if let Some(written) = written {
            return written;
        }
        missing::data(self.sock, self.connection, self.task.tgid);
        let half = turn::half(self.connection, self.direction);
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe {
            (*half).sequence = (*half).sequence.wrapping_add(1);
            (*self.connection).flags &= !connection_flags::BEGINS;
        }
        Written::Done
    }

    /// `None` where there is no room.
    #[inline(always)]
    fn write_sized<const ROOM: usize>(&self, piece: &Piece) -> Option<Written> {
        let half = turn::half(self.connection, self.direction);
        let other = turn::half(self.connection, 1 - self.direction);
        let mut entry = RECORDS.reserve::<Record<ROOM>>(0)?;
        let record: *mut Record<ROOM> = entry.as_mut_ptr();
        // SAFETY: the record was reserved with room for all of it.
        let (header, data) = unsafe { (&raw mut (*record).header, (&raw mut (*record).data).cast::<u8>()) };
        // SAFETY: as above. Through memory, so that the verifier need not remember how the length came about.
        let mut length = unsafe {
            (&raw mut (*header).length).write_volatile(piece.length);
            at_most(u64::from((&raw const (*header).length).read_volatile()), ROOM as u32)
        };
        let mut record_flags = piece.flags;
        if length > 0 && !kernel::copy_user(data, length, piece.address) {
            count(Counter::Unreadable);
            record_flags |= flags::UNREADABLE;
            length = 0;
        }
        // SAFETY: as above, and for the map's values as long as the program runs.
        unsafe {
            let mut written = Written::Done;
            let known = (*self.connection).flags;
            if known & connection_flags::BEGINS != 0 {
                record_flags |= flags::TURN;
                if length > 3 && is_tls(data) {
                    (*self.connection).flags |= connection_flags::MUTED | connection_flags::TLS;
                    written = Written::Encrypted;
                }
                if length > 3 && is_http2(data) {
                    (*self.connection).flags |= connection_flags::WHOLE;
                }
            }
            if known & connection_flags::MARKED != 0 {
                record_flags |= flags::MARKED;
            }
            (*self.connection).flags &= !(connection_flags::BEGINS | connection_flags::MARKED);
            if (*half).gated != 0 {
                (*half).gated = 0;
                record_flags |= flags::GATED;
            }
            (*header).kind = Kind::Data as u8;
            (*header).direction = self.direction as u8;
            (*header).flags = record_flags;
            (*header).length = length;
            (*header).time = self.now;
            (*header).connection = (*self.connection).number;
            (*header).tgid = self.task.tgid;
            (*header).tid = self.task.tid;
            (*header).offset = (*half).offset;
            (*header).other_offset = (*other).offset;
            (*header).other_time = (*other).time;
            (*header).turn_time = (*self.connection).turn_time;
            (*header).waits = self.waits;
            (*header).moved = piece.moved;
            (*header).sequence = (*half).sequence;
            (*half).sequence = (*half).sequence.wrapping_add(1);
            entry.submit(QUIETLY);
            count(Counter::Records);
            Some(written)
        }
    }
}

/// One record's part of a call: the bytes that follow those the connection has counted.
pub(crate) struct Piece {
    /// Where they lie in the caller's memory.
    pub(crate) address: u64,
    pub(crate) length: u32,
    /// What is left of the call, these bytes included.
    pub(crate) moved: u32,
    pub(crate) flags: u16,
}

/// Whether these bytes begin a record of TLS (RFC 8446, section 5.1): a content type from 20 to 24, version 3.x.
///
/// # Safety
/// There are at least three.
#[inline(always)]
unsafe fn is_tls(data: *const u8) -> bool {
    // SAFETY: see above.
    unsafe { *data >= 20 && *data <= 24 && *data.add(1) == 3 && *data.add(2) <= 4 }
}

/// Whether these bytes begin the preface of HTTP/2 (RFC 9113, section 3.4): the user side would ask for the whole of it
/// too late.
///
/// # Safety
/// There are at least four, and they begin at a multiple of four.
#[inline(always)]
unsafe fn is_http2(data: *const u8) -> bool {
    // SAFETY: see above.
    unsafe { *data.cast::<u32>() == u32::from_le_bytes(*b"PRI ") }
}

/// Tells of a connection. Where the ring buffer is full it is told with the next record.
#[inline(always)]
pub(crate) fn open(sock: u64, connection: *mut Connection, task: &Task) {
    let Some(family) = walk::tcp_family(sock) else { return };
    let Some(mut entry) = RECORDS.reserve::<Opened>(0) else {
        // SAFETY: the map's value is there for as long as the program runs.
        missing::other(unsafe { (*connection).number }, task.tgid);
        return;
    };
    let record: *mut Opened = entry.as_mut_ptr();
    // SAFETY: the record was reserved with room for all of it, and the map's value is there meanwhile.
    unsafe {
        let known = (*connection).flags;
        blank(&raw mut (*record).header, Kind::Open, task.tgid, task.tid);
        (*record).header.length = ADDRESSES_LENGTH as u32;
        (*record).header.connection = (*connection).number;
        zero::<{ ADDRESSES_LENGTH / 8 }>((&raw mut (*record).addresses).cast());
        walk::addresses(sock, family, (*connection).ports, &raw mut (*record).addresses);
        (*record).addresses.flags = known;
        (*connection).flags = known | connection_flags::TOLD;
    }
    entry.submit(QUIETLY);
    count(Counter::Records);
}

/// Tells that a connection is over.
#[inline(always)]
pub(crate) fn close(connection: *mut Connection) {
    let Some(mut entry) = RECORDS.reserve::<Header>(0) else {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe { missing::other((*connection).number, (*connection).tgid) };
        return;
    };
    let header: *mut Header = entry.as_mut_ptr();
    // SAFETY: the record was reserved with room for all of it, and the map's value is there meanwhile.
    unsafe {
        blank(header, Kind::Close, (*connection).tgid, 0);
        (*header).connection = (*connection).number;
        (*header).offset = (*connection).read.offset;
        (*header).other_offset = (*connection).written.offset;
        (*header).other_time = (*connection).read.time;
        (*header).turn_time = (*connection).written.time;
        (*header).sequence = (*connection).read.sequence;
    }
    entry.submit(QUIETLY);
    count(Counter::Records);
}

/// Tells of a process. `related` goes where the connection's number is in other records.
#[inline(always)]
pub(crate) fn process(kind: Kind, tgid: u32, tid: u32, related: u64) {
    let Some(mut entry) = RECORDS.reserve::<Header>(0) else {
        missing::other(u64::from(tgid), tgid);
        return;
    };
    let header: *mut Header = entry.as_mut_ptr();
    // SAFETY: the record was reserved with room for all of it.
    unsafe {
        blank(header, kind, tgid, tid);
        (*header).connection = related;
    }
    entry.submit(QUIETLY);
    count(Counter::Records);
}

#[inline(always)]
unsafe fn blank(header: *mut Header, kind: Kind, tgid: u32, tid: u32) {
    zero::<{ HEADER_LENGTH / 8 }>(header.cast());
    // SAFETY: the caller reserved it.
    unsafe {
        (*header).kind = kind as u8;
        (*header).flags = flags::LAST;
        (*header).time = kernel::now();
        (*header).tgid = tgid;
        (*header).tid = tid;
    }
}
