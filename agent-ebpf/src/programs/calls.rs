//! What a call that returned means: which of its arguments hold what.

use throughline_common::call::Call;
use throughline_common::connection::flags::{ACCEPTED, CONNECTED};
use throughline_common::record::{Direction, Kind, flags};

use crate::arguments::Arguments;
use crate::capture::{Moved, moved};
use crate::kernel::read_user;
use crate::task::Task;
use crate::vectors::Buffers;
use crate::{connections, record, threads, walk};

const MSG_OOB: u64 = 0x1;
const MSG_PEEK: u64 = 0x2;
const MSG_TRUNC: u64 = 0x20;
const MSG_ERRQUEUE: u64 = 0x2000;
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
            bytes(call, Direction::Read, task, arguments, result)
        }
        Call::Write | Call::Writev | Call::Sendto | Call::Sendmsg | Call::Sendmmsg if result > 0 => {
            bytes(call, Direction::Write, task, arguments, result)
        }
        Call::Sendfile if result > 0 => {
            opaque(task, arguments.get(0)?, Direction::Write, result as u32);
            Some(())
        }
        Call::Splice if result > 0 => {
            opaque(task, arguments.get(0)?, Direction::Read, result as u32);
            opaque(task, arguments.get(2)?, Direction::Write, result as u32);
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
            threads::waited(task.tid);
            Some(())
        }
        Call::Poll => polled(task, arguments),
        Call::Uring if result >= 0 => {
            record::process(Kind::Uring, task.tgid, task.tid, 0);
            Some(())
        }
        _ => None,
    }
}

#[inline(always)]
fn bytes(call: Call, direction: Direction, task: &Task, arguments: Arguments, result: i64) -> Option<()> {
    let options = match call {
        Call::Recvfrom | Call::Recvmmsg | Call::Sendto | Call::Sendmmsg => arguments.get(3)?,
        Call::Recvmsg | Call::Sendmsg => arguments.get(2)?,
        _ => 0,
    };
    if options & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB) != 0 {
        return None;
    }
    let address = arguments.get(1)?;
    let descriptor = arguments.get(0)?;
    match call {
        // For datagrams: over a connection of TCP they are counted, no more.
        Call::Recvmmsg | Call::Sendmmsg => {
            opaque(task, descriptor, direction, total(address, result as u64));
            return Some(());
        }
        // The bytes were thrown away: TCP copies none of them.
        Call::Recvfrom | Call::Recvmsg if options & MSG_TRUNC != 0 => {
            opaque(task, descriptor, direction, result as u32);
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
    let opens = matches!(direction, Direction::Write) && options & MSG_FASTOPEN != 0;
    let role = if opens { CONNECTED } else { 0 };
    moved(task, Moved { descriptor: descriptor as u32, direction, bytes, buffers, flags: 0, role });
    Some(())
}

#[inline(always)]
fn opaque(task: &Task, descriptor: u64, direction: Direction, bytes: u32) {
    let descriptor = descriptor as u32;
    moved(task, Moved { descriptor, direction, bytes, buffers: Buffers::none(), flags: flags::OPAQUE, role: 0 });
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
fn polled(task: &Task, arguments: Arguments) -> Option<()> {
    if arguments.get(1)? == 1 {
        let descriptor: u32 = read_user(arguments.get(0)?)?;
        threads::waited_for(task, descriptor);
    } else {
        threads::waited(task.tid);
    }
    Some(())
}
