//! The connections that are remembered, by the address of their socket.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::BPF_NOEXIST;
use throughline_common::connection::{Connection, flags};
use throughline_common::counter::Counter;
use throughline_common::record::Direction;
use throughline_common::settings::arguments::SOCKET;
use throughline_common::wish;

use crate::bound::zero;
use crate::counters::count;
use crate::maps::{CONNECTIONS, WISHES};
use crate::settings::setting;
use crate::{kernel, places, record, task::Task, walk};

/// The connection over this socket, if it is remembered.
#[inline(always)]
pub(crate) fn find(sock: u64) -> Option<*mut Connection> {
    CONNECTIONS.get_ptr_mut(sock)
}

/// How a connection comes to be remembered.
#[derive(Clone, Copy, Default)]
pub(crate) struct First {
    /// `ACCEPTED`, `CONNECTED` or 0 where nobody knows how it came about.
    pub(crate) role: u32,
    /// What just went over it, if anything did.
    pub(crate) direction: u32,
    pub(crate) bytes: u32,
}

/// Remembers the connection over this socket, if it is an open one of TCP.
#[inline(always)]
pub(crate) fn remember(sock: u64, first: First, tgid: u32) -> Option<*mut Connection> {
    walk::tcp_family(sock)?;
    if !walk::is_open(sock) {
        return None;
    }
    let mut new = MaybeUninit::<Connection>::uninit();
    zero::<{ size_of::<Connection>() / 8 }>(new.as_mut_ptr().cast());
    // SAFETY: all of it is integers, and was set to zero.
    let new = unsafe { new.assume_init_mut() };
    new.number = number();
    new.flags = first.role;
    new.ports = walk::ports(sock)?;
    new.tgid = tgid;
    if setting!(arguments) == SOCKET {
        let _ = places::begin(sock, new, first.direction, first.bytes);
    }
    if CONNECTIONS.insert(sock, &*new, u64::from(BPF_NOEXIST)).is_err() && find(sock).is_none() {
        count(Counter::ConnectionsFull);
        return None;
    }
    find(sock)
}

/// A connection that was just accepted or connected: what is remembered of an earlier one over this socket is not it.
#[inline(always)]
pub(crate) fn begin(sock: u64, role: u32, task: &Task) {
    if let Some(known) = find(sock) {
        // SAFETY: the map's value is there for as long as the program runs.
        let same = unsafe { walk::ports(sock) == Some((*known).ports) && (*known).flags & role != 0 };
        if same {
            return;
        }
        forget(sock, known);
    }
    if let Some(new) = remember(sock, First { role, ..First::default() }, task.tgid) {
        record::open(sock, new, task);
    }
}

/// The connection as it is now: the same, or a new one if the socket was reused and nobody said so.
#[inline(always)]
pub(crate) fn refreshed(sock: u64, known: *mut Connection, first: First, task: &Task) -> Option<*mut Connection> {
    // SAFETY: the map's value is there for as long as the program runs.
    let same = unsafe { walk::ports(sock)? == (*known).ports };
    if same {
        return Some(known);
    }
    forget(sock, known);
    remember(sock, First { role: 0, ..first }, task.tgid)
}

/// Ends what is remembered of a connection, and says so if the user side had heard of it.
#[inline(always)]
pub(crate) fn forget(sock: u64, known: *mut Connection) {
    // SAFETY: the map's value is there for as long as the program runs.
    if unsafe { (*known).flags } & flags::TOLD != 0 {
        record::close(known);
    }
    let _ = CONNECTIONS.remove(sock);
}

/// Does what the user side asked for on this connection.
#[inline(always)]
pub(crate) fn heed(connection: *mut Connection) {
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        let number = (*connection).number;
        let word = WISHES.get(wish::place(number)).copied().unwrap_or_default();
        let wished = wish::for_connection(word, number);
        if wished & wish::MUTE != 0 {
            (*connection).flags |= flags::MUTED;
        }
        if wished & wish::WHOLE != 0 {
            (*connection).flags = ((*connection).flags | flags::WHOLE) & !flags::GATED;
        }
    }
}

/// Learns from the first bytes of a turn, if they begin an answer of HTTP/1 (RFC 9112, section 4), which end this is of a
/// connection that was open before anyone looked: it need not be one whose bytes are wanted.
#[inline(always)]
pub(crate) fn learn(connection: *mut Connection, direction: u32, address: u64, length: u64) {
    const VERSION: u64 = u64::from_le_bytes(*b"HTTP/1.\0");
    const COMPARED: u64 = u64::MAX >> 8;
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        if (*connection).flags & (flags::SERVED | flags::CALLED) != 0 || length < 8 {
            return;
        }
        if kernel::read_user::<u64>(address).is_some_and(|word| u64::from_le(word) & COMPARED == VERSION) {
            let is_read = direction == Direction::Read as u32;
            (*connection).flags |= if is_read { flags::ASKS } else { flags::ANSWERS };
        }
    }
}

/// Whether bytes of this direction are a request, as far as anyone knows: where the role is unknown, every message may
/// be one.
#[inline(always)]
pub(crate) fn asks(connection_flags: u32, direction: u32) -> bool {
    let answers = if direction == Direction::Read as u32 { flags::CALLED } else { flags::SERVED };
    connection_flags & answers == 0
}

/// A number that no other connection of this machine has: nanoseconds, and the processor. The two lowest bits are left
/// to wishes.
#[inline(always)]
fn number() -> u64 {
    // SAFETY: takes nothing.
    let processor = unsafe { aya_ebpf::helpers::generated::bpf_get_smp_processor_id() };
    (kernel::now() << 8) | u64::from((processor as u32 & 63) << 2)
}
