//! A TCP connection: what the kernel programs remember of it, and what they tell when it is first seen.

use crate::record::Fields;

/// Bytes of [`Addresses`].
pub const ADDRESSES_LENGTH: usize = 48;

/// Flags of a connection.
pub mod flags {
    /// Accepted by a process: followed from its first byte.
    pub const ACCEPTED: u32 = 1;
    /// Connected by a process: followed from its first byte.
    pub const CONNECTED: u32 = 1 << 1;
    /// Its [`Kind::Open`](crate::record::Kind::Open) record is in the ring buffer.
    pub const TOLD: u32 = 1 << 2;
    /// Nothing more of it is captured; bytes are still counted. Set by the kernel programs for TLS, and by the user
    /// side where it cannot follow.
    pub const MUTED: u32 = 1 << 3;
    /// Muted because its first bytes were a TLS record.
    pub const TLS: u32 = 1 << 4;
    /// Captured whole, without regard to turns: the user side asks for it where messages are interleaved (HTTP/2).
    pub const WHOLE: u32 = 1 << 5;
    /// The message under way and its answer are not captured: the gate is closed and the budget used up.
    pub const GATED: u32 = 1 << 6;
    /// The next record begins a turn.
    pub const BEGINS: u32 = 1 << 7;
    /// The next record bears the mark that opened the gate.
    pub const MARKED: u32 = 1 << 8;
    /// Nobody saw how it came about, but its process wrote an answer: what it reads are requests.
    pub const ANSWERS: u32 = 1 << 9;
    /// Nobody saw how it came about, but its process read an answer: what it writes are requests.
    pub const ASKS: u32 = 1 << 10;

    /// Requests are read.
    pub const SERVED: u32 = ACCEPTED | ANSWERS;
    /// Requests are written.
    pub const CALLED: u32 = CONNECTED | ASKS;
}

/// Both ends of a connection, as its process sees them. Follows the header of a record of kind `Open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Addresses {
    /// This end. IPv4 addresses are in the first four bytes.
    pub local: [u8; 16],
    /// The other end.
    pub remote: [u8; 16],
    /// Port of this end, in host byte order.
    pub local_port: u16,
    /// Port of the other end, in host byte order.
    pub remote_port: u16,
    /// 4 or 6.
    pub family: u8,
    /// Padding.
    pub reserved: [u8; 3],
    /// See [`flags`].
    pub flags: u32,
    /// Padding.
    pub reserved_end: u32,
}

const _: () = assert!(size_of::<Addresses>() == ADDRESSES_LENGTH);

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Half {
    /// Bytes so far.
    pub offset: u64,
    /// When the last bytes went; 0 for never.
    pub time: u64,
    /// Records so far, those that found no room included.
    pub sequence: u32,
    /// Bytes that may still be captured in this turn, or in this second of a connection that is captured whole.
    pub left: u32,
    /// Not 0 if bytes went by uncaptured because the gate was closed, since the last record.
    pub gated: u32,
    /// The second that `left` counts in on a connection that is captured whole: nanoseconds divided by 2^30.
    pub second: u32,
}

/// What the kernel programs remember of a connection. The key is the address of its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Connection {
    /// Its number; see [`Header::connection`](crate::record::Header::connection).
    pub number: u64,
    /// See [`flags`].
    pub flags: u32,
    /// 0 before the first byte, otherwise the direction of the last bytes plus one.
    pub turn: u32,
    /// When this turn began.
    pub turn_time: u64,
    /// Both ports as the kernel keeps them: another value means that the socket was reused.
    pub ports: u32,
    /// The process that used it last.
    pub tgid: u32,
    /// TCP's sequence number of the byte at place 0 of what is read; only where sockets tell what moves.
    pub read_from: u32,
    /// The same of what is written.
    pub written_from: u32,
    /// What was read.
    pub read: Half,
    /// What was written.
    pub written: Half,
}

/// What is known of a connection from when it was established until a process that is watched uses it. The key is the
/// address of its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Opened {
    /// [`flags::ACCEPTED`] or [`flags::CONNECTED`].
    pub role: u32,
    /// TCP's sequence number of the first byte to be read.
    pub read: u32,
    /// The same of the first to be written.
    pub written: u32,
    /// Padding.
    pub reserved: u32,
}

impl Addresses {
    /// The addresses at the beginning of these bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self {
            local: fields.take()?,
            remote: fields.take()?,
            local_port: fields.u16()?,
            remote_port: fields.u16()?,
            family: fields.u8()?,
            reserved: fields.take()?,
            flags: fields.u32()?,
            reserved_end: fields.u32()?,
        })
    }
}
