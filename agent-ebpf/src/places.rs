//! How far a connection has come by TCP's own count, its sequence numbers: what went past all programs (`splice` from a
//! socket) leaves a gap there, and is counted before what follows it. Only where sockets tell what moves; elsewhere calls
//! do, and each is counted by its result.

use throughline_common::connection::{Connection, Opened, flags};
use throughline_common::record::Direction;

use crate::kernel::read;
use crate::maps::OPENED;
use crate::settings::setting;
use crate::{turn, walk};

/// `TCP_SYN_SENT` and `TCP_SYN_RECV`.
const CONNECTING: i32 = 2;
const ACCEPTING: i32 = 3;

/// A connection is established, from this state: remembered until a process that is watched uses it, whatever thread or
/// interrupt this is.
#[inline(always)]
pub(crate) fn established(sock: u64, from: i32) -> Option<()> {
    let role = match from {
        CONNECTING => flags::CONNECTED,
        ACCEPTING => flags::ACCEPTED,
        _ => return None,
    };
    walk::tcp_family(sock)?;
    let (read, written) = (reached(sock, Direction::Read as u32)?, reached(sock, Direction::Write as u32)?);
    let _ = OPENED.insert(sock, &Opened { role, read, written, reserved: 0 }, 0);
    Some(())
}

/// A connection is over.
#[inline(always)]
pub(crate) fn over(sock: u64) {
    let _ = OPENED.remove(sock);
}

/// Fills in where both directions of a connection begin which is used for the first time, just now for these bytes, and
/// how it came about. That is left open where others had gone the same way before: nobody was watching then. Others that
/// went the other way may still be told, as the call that moved them need not have returned.
#[inline(always)]
pub(crate) fn begin(sock: u64, new: &mut Connection, direction: u32, bytes: u32) -> Option<()> {
    new.read_from = reached(sock, Direction::Read as u32)?;
    new.written_from = reached(sock, Direction::Write as u32)?;
    let is_read = direction == Direction::Read as u32;
    let from = if is_read { &mut new.read_from } else { &mut new.written_from };
    *from = from.wrapping_sub(bytes);
    let opened = OPENED.get_ptr(sock)?;
    // SAFETY: the map's value is there for as long as the program runs.
    let Opened { role, read, written, .. } = unsafe { opened.read() };
    if *from == if is_read { read } else { written } {
        (new.flags, new.read_from, new.written_from) = (role, read, written);
    }
    over(sock);
    Some(())
}

/// A gap of this many bytes, or more, is none: another thread was faster to move bytes and slower to be seen.
const BEHIND: u32 = 0xff00_0000;

/// Counts what went the same way unseen before these bytes, which TCP has counted and this connection has not: what was
/// passed over, too. Of 2^32 bytes that went between two records none are counted.
#[inline(always)]
pub(crate) fn catch_up(sock: u64, connection: *mut Connection, direction: u32, bytes: u32) {
    let Some(reached) = reached(sock, direction) else { return };
    let half = turn::half(connection, direction);
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        let from = if direction == Direction::Read as u32 {
            &raw mut (*connection).read_from
        } else {
            &raw mut (*connection).written_from
        };
        let begins = reached.wrapping_sub(bytes);
        let unseen = begins.wrapping_sub(*from).wrapping_sub((*half).offset as u32);
        if unseen > 1 && unseen < BEHIND || unseen == 1 && walk::state(sock) == Some(walk::ESTABLISHED) {
            (*half).offset += u64::from(unseen);
        }
        // The end of a stream counts as a byte to TCP, which the next line leaves out, and it is the last.
        *from = begins.wrapping_sub((*half).offset as u32);
    }
}

/// The sequence number that comes next in this direction.
#[inline(always)]
fn reached(sock: u64, direction: u32) -> Option<u32> {
    read(sock, if direction == Direction::Read as u32 { setting!(tcp_read) } else { setting!(tcp_written) })
}
