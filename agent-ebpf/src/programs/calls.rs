//! What a call that returned means: which of its arguments hold what.

use throughline_common::call::Call;
use throughline_common::connection::Connection;
use throughline_common::connection::flags::{ACCEPTED, CONNECTED};
use throughline_common::record::{Direction, Kind, flags};

use crate::arguments::Arguments;
use crate::capture::{Moved, moved};
use crate::kernel::read_user;
use crate::task::Task;
use crate::vectors::Buffers;
use crate::{connections, record, threads, walk};

pub(super) const MSG_OOB: u64 = 0x1;
pub(super) const MSG_PEEK: u64 = 0x2;
const MSG_TRUNC: u64 = 0x20;
pub(super) const MSG_DONTWAIT: u64 = 0x40;
pub(super) const MSG_ERRQUEUE: u64 = 0x2000;
const MSG_FASTOPEN: u64 = 0x2000_0000;

const EINPROGRESS: i64 = -115;

/// Bytes of `struct mmsghdr`, its `msg_len`, and how many of them are counted.
const MESSAGE: u64 = 64;
const MESSAGE_LENGTH: u64 = 56;
const MAX_MESSAGES: u64 = 16;

/// A call of a watched process returned.
#[inline(always)]
pub(crate) fn returned(call: Call, task: &Task, arguments: Arguments, result: i64) -> Option<()> {
    match call {
        Call::Read | Call::Readv | Call::Recvfrom | Call::Recvmsg | Call::Recvmmsg if result > 0 => {
            bytes(by_descriptor(arguments, Direction::Read)?, call, task, arguments, result)
        }
        Call::Write | Call::Writev | Call::Sendto | Call::Sendmsg | Call::Sendmmsg if result > 0 => {
            bytes(by_descriptor(arguments, Direction::Write)?, call, task, arguments, result)
        }
        Call::Sendfile if result > 0 => {
            opaque(task, by_descriptor(arguments, Direction::Write)?, result as u32);
            Some(())
        }
        Call::Splice if result > 0 => {
            if let Some(from) = by_descriptor(arguments, Direction::Read) {
                opaque(task, from, result as u32);
            }
            let sock = walk::sock(arguments.get(2)? as u32)?;
            let known = connections::find(sock);
            opaque(task, Over { sock, known, direction: Direction::Write, is_unwaiting: false }, result as u32);
            Some(())
        }
        Call::Accept if result >= 0 => {
            threads::waited(task.tid);
            connections::begin(walk::sock(result as u32)?, ACCEPTED, task);
            Some(())
        }
        Call::Connect if result == 0 || result == EINPROGRESS => {
            connections::begin(walk::sock(arguments.get(0)? as u32)?, CONNECTED, task);
            Some(())
        }
        Call::Wait => {
            threads::looked_around(task.tid);
            Some(())
        }
        Call::Poll => polled(task.tid, arguments),
        Call::Uring if result >= 0 => {
            record::process(Kind::Uring, task.tgid, task.tid, 0);
            Some(())
        }
        _ => None,
    }
}

/// Bytes go over a socket, in a call that is under way; `None` for one that is not known to move them in one piece.
#[inline(always)]
pub(crate) fn moved_over(over: Over, call: Option<Call>, task: &Task, arguments: Arguments, result: i32) -> Option<()> {
    match (over.direction, call) {
        (Direction::Read, Some(call @ (Call::Read | Call::Readv | Call::Recvfrom | Call::Recvmsg)))
        | (Direction::Write, Some(call @ (Call::Write | Call::Writev | Call::Sendto | Call::Sendmsg))) => {
            bytes(over, call, task, arguments, i64::from(result))
        }
        _ => {
            opaque(task, over, result as u32);
            Some(())
        }
    }
}

/// Over what bytes went.
#[derive(Clone, Copy)]
pub(crate) struct Over {
    pub(crate) sock: u64,
    /// What is remembered of the connection.
    pub(crate) known: Option<*mut Connection>,
    pub(crate) direction: Direction,
    /// The call would not have waited for them, as far as the socket says.
    pub(crate) is_unwaiting: bool,
}

/// Over what the call's first argument stands for.
#[inline(always)]
fn by_descriptor(arguments: Arguments, direction: Direction) -> Option<Over> {
    let sock = walk::sock(arguments.get(0)? as u32)?;
    Some(Over { sock, known: connections::find(sock), direction, is_unwaiting: false })
}

#[inline(always)]
fn bytes(over: Over, call: Call, task: &Task, arguments: Arguments, result: i64) -> Option<()> {
    let options = match call {
        Call::Recvfrom | Call::Recvmmsg | Call::Sendto | Call::Sendmmsg => arguments.get(3)?,
        Call::Recvmsg | Call::Sendmsg => arguments.get(2)?,
        _ => 0,
    };
    if options & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB) != 0 {
        return None;
    }
    let address = arguments.get(1)?;
    match call {
        // For datagrams: over a connection of TCP they are counted, no more.
        Call::Recvmmsg | Call::Sendmmsg => {
            opaque(task, over, total(address, result as u64));
            return Some(());
        }
        // The bytes were thrown away: TCP copies none of them.
        Call::Recvfrom | Call::Recvmsg if options & MSG_TRUNC != 0 => {
            opaque(task, over, result as u32);
            return Some(());
        }
        _ => {}
    }
    // The kernel moves less than 2^31 bytes in one call.
    let bytes = result as u32;
    let buffers = match call {
        Call::Readv | Call::Writev => Buffers::of_vectors(address, arguments.get(2)?),
        Call::Recvmsg | Call::Sendmsg => Buffers::of_message(address)?,
        _ => Buffers::one(address, bytes),
    };
    let Over { sock, known, direction, is_unwaiting } = over;
    let opens = matches!(direction, Direction::Write) && options & MSG_FASTOPEN != 0;
    let role = if opens { CONNECTED } else { 0 };
    moved(task, Moved { sock, known, direction, bytes, buffers, flags: 0, role, is_unwaiting });
    Some(())
}

#[inline(always)]
fn opaque(task: &Task, over: Over, bytes: u32) {
    let Over { sock, known, direction, is_unwaiting } = over;
    let buffers = Buffers::none();
    moved(task, Moved { sock, known, direction, bytes, buffers, flags: flags::OPAQUE, role: 0, is_unwaiting });
}

/// The bytes of the first of `count` messages; more of them in one call is for datagrams.
#[inline(always)]
fn total(address: u64, count: u64) -> u32 {
    let mut total = 0u32;
    for number in 0..MAX_MESSAGES {
        if number >= count {
            break;
        }
        let length: u32 = read_user(address.wrapping_add(number * MESSAGE + MESSAGE_LENGTH)).unwrap_or_default();
        total = total.saturating_add(length);
    }
    total
}

/// `poll` of one descriptor is how clients with a time limit wait for their answer; of many, how event loops wait.
#[inline(always)]
pub(crate) fn polled(tid: u32, arguments: Arguments) -> Option<()> {
    if arguments.get(1)? == 1 {
        let descriptor: u32 = read_user(arguments.get(0)?)?;
        threads::waited_for(tid, descriptor);
    } else {
        threads::looked_around(tid);
    }
    Some(())
}
