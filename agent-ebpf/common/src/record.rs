//! What the kernel programs put into the ring buffer: a header of fixed length, and the bytes it speaks of.

/// Bytes of a [`Header`].
pub const HEADER_LENGTH: usize = 80;
/// Bytes that one record carries at most; longer reads and writes are several records.
pub const MAX_CHUNK: usize = 4096;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A connection is known from now on; an [`Addresses`](crate::connection::Addresses) follows the header.
    Open = 1,
    /// Bytes went one way on a connection. The first of them follow, as many as were captured.
    Data = 2,
    /// A connection is over.
    Close = 3,
    /// A process runs another program: its targets have to be looked at anew.
    Exec = 4,
    /// A process was forked: `connection` holds the parent's process id, `tgid` the child's.
    Fork = 5,
    /// A process has ended.
    Exit = 6,
    /// A process set up io_uring: what it does with it is not seen.
    Uring = 7,
}

/// Which way bytes went, as the process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// The process read them.
    Read = 0,
    /// The process wrote them.
    Write = 1,
}

/// Flags of a record.
pub mod flags {
    /// The first bytes after the direction changed, or of a connection.
    pub const TURN: u16 = 1;
    /// More bytes went the same way in this call than its records carry.
    pub const CUT: u16 = 1 << 1;
    /// The bytes cannot be read by address: `sendfile` or `splice`.
    pub const OPAQUE: u16 = 1 << 2;
    /// The user's memory could not be read when the call returned.
    pub const UNREADABLE: u16 = 1 << 3;
    /// Since the last record of this direction, bytes went by uncaptured because the process was over its budget and
    /// its gate was closed.
    pub const GATED: u16 = 1 << 4;
    /// The mark was found in these bytes, and it opened the gate of the process.
    pub const MARKED: u16 = 1 << 5;
    /// The last record of a call.
    pub const LAST: u16 = 1 << 6;
}

/// The head of every record. Times are nanoseconds of `CLOCK_MONOTONIC`, taken when the call returned.
///
/// For [`Kind::Close`]: `offset` holds the bytes read, `other_offset` those written, `time` when it was closed,
/// `other_time` when the last bytes were read and `turn_time` when the last were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Header {
    /// A [`Kind`].
    pub kind: u8,
    /// A [`Direction`].
    pub direction: u8,
    /// See [`flags`].
    pub flags: u16,
    /// Bytes that follow the header and are valid.
    pub length: u32,
    /// When.
    pub time: u64,
    /// The connection's number: unique for as long as the machine runs. Its two lowest bits are 0.
    pub connection: u64,
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// Place of the first byte in this direction of the connection, counted from when the connection was first seen.
    pub offset: u64,
    /// Bytes that had gone the other way by then.
    pub other_offset: u64,
    /// When the last bytes went the other way; 0 for never.
    pub other_time: u64,
    /// When the first bytes of this turn went.
    pub turn_time: u64,
    /// Grows whenever this thread has waited for several descriptors at once, or for one that is no connection of its
    /// own. Two equal numbers say that it did not in between; the difference of two says nothing.
    pub waits: u64,
    /// Bytes the call moved, this record's first one included.
    pub moved: u32,
    /// Counts the records of this direction of the connection, from 0. A number is used up by a record that found no
    /// room, too.
    pub sequence: u32,
}

const _: () = assert!(size_of::<Header>() == HEADER_LENGTH);

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Open,
            2 => Self::Data,
            3 => Self::Close,
            4 => Self::Exec,
            5 => Self::Fork,
            6 => Self::Exit,
            7 => Self::Uring,
            _ => return None,
        })
    }
}

impl Direction {
    /// The direction with this number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Read,
            1 => Self::Write,
            _ => return None,
        })
    }
}

impl Header {
    /// The header at the beginning of these bytes, and what follows it, if that is as long as the header says.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_at_checked(HEADER_LENGTH)?;
        let mut fields = Fields(head);
        let header = Self {
            kind: fields.u8()?,
            direction: fields.u8()?,
            flags: fields.u16()?,
            length: fields.u32()?,
            time: fields.u64()?,
            connection: fields.u64()?,
            tgid: fields.u32()?,
            tid: fields.u32()?,
            offset: fields.u64()?,
            other_offset: fields.u64()?,
            other_time: fields.u64()?,
            turn_time: fields.u64()?,
            waits: fields.u64()?,
            moved: fields.u32()?,
            sequence: fields.u32()?,
        };
        let data = rest.get(..header.length as usize)?;
        Some((header, data))
    }
}

/// Reads integers one after the other.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_ne_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }
}
