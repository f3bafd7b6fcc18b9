//! Bytes went over a connection: how many is always counted, and those that are wanted become records.

use throughline_common::connection::{Connection, flags};
use throughline_common::counter::Counter;
use throughline_common::record::{self as border, Direction, MAX_CHUNK};
use throughline_common::settings::arguments::SOCKET;

use crate::bound::smaller;
use crate::connections::First;
use crate::counters::count;
use crate::record::{Data, Piece, Written};
use crate::settings::setting;
use crate::task::Task;
use crate::vectors::Buffers;
use crate::{connections, kernel, places, threads, turn};

/// A call that moved bytes.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) sock: u64,
    /// What is remembered of the connection.
    pub(crate) known: Option<*mut Connection>,
    pub(crate) direction: Direction,
    /// How many bytes.
    pub(crate) bytes: u32,
    pub(crate) buffers: Buffers,
    /// `OPAQUE` where the caller's memory does not hold them.
    pub(crate) flags: u16,
    /// What is known of the connection if it was not seen before.
    pub(crate) role: u32,
    /// The call would not have waited for them.
    pub(crate) is_unwaiting: bool,
}

/// Counts them, and captures what is wanted.
#[inline(always)]
pub(crate) fn moved(task: &Task, call: Moved) {
    let (sock, direction) = (call.sock, call.direction as u32);
    let first = First { role: call.role, direction, bytes: call.bytes };
    let known = call.known.or_else(|| connections::remember(sock, first, task.tgid));
    let Some(mut connection) = known else { return };
    // SAFETY: the map's value is there for as long as the program runs.
    let before = unsafe { (*connection).flags };
    if before & flags::MUTED != 0 {
        pass_over(connection, direction, call.bytes);
        return;
    }
    let mut is_new = false;
    if turn::begins(connection, direction) {
        let Some(same) = connections::refreshed(sock, connection, first, task) else { return };
        connection = same;
        is_new = true;
    }
    let now = kernel::now();
    let buffers = call.buffers.begun();
    // A buffer may be longer than what it was given, and the rest of it never touched, or of another message.
    let begun = smaller(u64::from(call.bytes), buffers.length());
    if is_new {
        connections::learn(connection, direction, buffers.address, begun);
    }
    if direction == Direction::Read as u32 {
        turn::recognise(connection, task, now, buffers.address, begun);
    }
    turn::turn(connection, task.target, direction, now);
    // SAFETY: as above.
    if unsafe { (*connection).flags } & (flags::MUTED | flags::GATED) != 0 {
        pass_over(connection, direction, call.bytes);
        return;
    }
    if setting!(arguments) == SOCKET {
        places::catch_up(sock, connection, direction, call.bytes);
        if before & flags::GATED != 0 {
            places::catch_up(sock, connection, 1 - direction, 0);
        }
    }
    let half = turn::half(connection, direction);
    // SAFETY: as above.
    unsafe {
        let end = (*half).offset.wrapping_add(u64::from(call.bytes));
        if (*half).left > 0 {
            let waits = waits(task, connection, &call);
            let data = Data { task: *task, sock, connection, direction, now, waits };
            capture(&data, buffers, end, call.flags);
        }
        (*half).offset = end;
        (*half).time = now;
    }
}

/// Counts bytes that nobody wants; where sockets tell what moves, TCP does.
#[inline(always)]
fn pass_over(connection: *mut Connection, direction: u32, bytes: u32) {
    let half = turn::half(connection, direction);
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        (*half).gated = 1;
        if setting!(arguments) != SOCKET {
            (*half).offset += u64::from(bytes);
        }
    }
}

#[inline(always)]
fn waits(task: &Task, connection: *mut Connection, call: &Moved) -> u64 {
    // SAFETY: the map's value is there for as long as the program runs.
    let (role, number) = unsafe { ((*connection).flags, (*connection).number) };
    let is_read = matches!(call.direction, Direction::Read);
    let serves = is_read && role & flags::SERVED != 0;
    let waits = threads::waits(task.tid, if serves { number } else { 0 });
    if setting!(arguments) == SOCKET && is_read && role & flags::CALLED == 0 {
        threads::may_look_around(task.tid, call.sock, call.is_unwaiting);
    }
    waits
}

/// Goes through the buffers, up to where the bytes end in the stream, and makes a record of each piece. How far it is
/// stands in the map's value and is read anew for each piece, so that to the verifier one piece is like the other.
#[inline(always)]
fn capture(data: &Data, mut buffers: Buffers, end: u64, call_flags: u16) {
    let half = turn::half(data.connection, data.direction);
    let opaque = call_flags & border::flags::OPAQUE != 0;
    let mut number = 0;
    while number < buffers.pieces {
        number += 1;
        // SAFETY: the map's value is there for as long as the program runs.
        let (offset, left) =
            unsafe { ((&raw const (*half).offset).read_volatile(), (&raw const (*half).left).read_volatile()) };
        let rest = end.wrapping_sub(offset) as u32;
        if rest == 0 || left == 0 || !(opaque || buffers.load()) {
            break;
        }
        let length = if opaque { 0 } else { clamped(buffers.length(), rest, left) };
        if opaque || length != 0 {
            let last = opaque || length == rest || length == left || number == buffers.pieces;
            let mut flags = call_flags;
            flags |= if last { border::flags::LAST } else { 0 };
            flags |= if last && length < rest && !opaque { border::flags::CUT } else { 0 };
            if data.write(&Piece { address: buffers.address, length, moved: rest, flags }) != Written::Done {
                return;
            }
            let used = if opaque { rest } else { length };
            // SAFETY: as above.
            unsafe {
                (*half).offset = offset.wrapping_add(u64::from(used));
                (*half).left = left.saturating_sub(used);
            }
            if opaque {
                return;
            }
            buffers.advance(length);
        }
    }
    // SAFETY: as above.
    let (offset, left) =
        unsafe { ((&raw const (*half).offset).read_volatile(), (&raw const (*half).left).read_volatile()) };
    if offset != end && left != 0 {
        count(Counter::Vectors);
    }
}

#[inline(always)]
fn clamped(buffer: u64, rest: u32, left: u32) -> u32 {
    let mut length = if buffer < u64::from(rest) { buffer as u32 } else { rest };
    length = if length < left { length } else { left };
    if length < MAX_CHUNK as u32 { length } else { MAX_CHUNK as u32 }
}
