//! Turns: messages alternate on a connection of HTTP/1, so the first bytes after a change of direction begin one. Of
//! each, the first bytes are captured and the rest is counted.

use throughline_common::connection::{Connection, Half, flags};
use throughline_common::counter::Counter;
use throughline_common::record::Direction;
use throughline_common::target::{self, SECOND, Target};

use crate::counters::count;
use crate::settings::setting;
use crate::task::Task;
use crate::{connections, scan};

/// The half of a connection that bytes of this direction go through.
#[inline(always)]
pub(crate) fn half(connection: *mut Connection, direction: u32) -> *mut Half {
    // SAFETY: places within the map's value; nothing is read.
    unsafe {
        if direction == Direction::Read as u32 { &raw mut (*connection).read } else { &raw mut (*connection).written }
    }
}

/// Whether bytes of this direction would begin a turn.
#[inline(always)]
pub(crate) fn begins(connection: *mut Connection, direction: u32) -> bool {
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe { (*connection).turn != direction + 1 }
}

/// Whether these bytes are nobody's matter, of a connection whose bytes TCP counts: it is muted, or they answer a request
/// that is passed over.
#[inline(always)]
pub(crate) fn is_passed_over(connection: *mut Connection, direction: u32) -> bool {
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        let known = (*connection).flags;
        if known & flags::MUTED != 0 {
            return true;
        }
        if known & flags::GATED == 0 || connections::asks(known, direction) {
            return false;
        }
        (*connection).turn = direction + 1;
        true
    }
}

/// Looks for a mark in a request that may not be captured otherwise, and opens the gate of the process if there is one:
/// the user side would be too late for the calls that follow.
#[inline(always)]
pub(crate) fn recognise(connection: *mut Connection, task: &Task, now: u64, address: u64, length: u64) {
    let target = task.target;
    // SAFETY: the map's values are there for as long as the program runs.
    unsafe {
        let known = (*connection).flags;
        if known & (flags::CALLED | flags::WHOLE) != 0 || setting!(literals) == 0 {
            return;
        }
        if (*target).gate_until > now.wrapping_add(setting!(gate) / 2) || (*target).messages < setting!(budget) / 2 {
            return;
        }
        let is_new = begins(connection, Direction::Read as u32);
        if !is_new && known & flags::GATED == 0 {
            return;
        }
        if scan::finds_mark(task.tid, address, length) != 0 {
            (*target).gate_until = now.wrapping_add(setting!(gate));
            (*connection).flags = (*connection).flags & !flags::GATED | flags::MARKED;
            count(Counter::Marks);
        }
    }
}

/// Begins a turn, if these bytes do.
#[inline(always)]
pub(crate) fn turn(connection: *mut Connection, target: *mut Target, direction: u32, now: u64) {
    let half = half(connection, direction);
    // SAFETY: the map's values are there for as long as the program runs.
    unsafe {
        if begins(connection, direction) {
            connections::heed(connection);
            (*connection).turn = direction + 1;
            (*connection).turn_time = now;
            (*connection).flags |= flags::BEGINS;
            if (*connection).flags & flags::WHOLE == 0 {
                (*half).left = setting!(head_bytes);
                admit(connection, target, direction, now);
            }
        }
        if (*connection).flags & flags::WHOLE != 0 {
            refill(half, now);
        }
    }
}

/// Decides about a request and, with it, about its answer.
#[inline(always)]
unsafe fn admit(connection: *mut Connection, target: *mut Target, direction: u32, now: u64) {
    // SAFETY: both are values of maps.
    unsafe {
        if !connections::asks((*connection).flags, direction) {
            return;
        }
        allow(target, now);
        let is_within = (*target).messages < setting!(budget);
        if is_within {
            (*target).messages += 1;
        }
        if is_within || now < (*target).gate_until {
            (*connection).flags &= !flags::GATED;
        } else {
            (*target).gated += 1;
            (*connection).flags |= flags::GATED;
            count(Counter::Gated);
        }
    }
}

/// The budget flows in evenly, and as much as is for a second may wait: so a busy process is captured a little at any
/// time, not for the first moments of each second.
#[inline(always)]
unsafe fn allow(target: *mut Target, now: u64) {
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        let (messages, took) = target::flowed_in(setting!(budget), now.saturating_sub((*target).allowed));
        (*target).messages = (*target).messages.saturating_sub(messages);
        (*target).allowed += took;
    }
}

#[inline(always)]
unsafe fn refill(half: *mut Half, now: u64) {
    let second = (now >> SECOND) as u32;
    // SAFETY: a place within a value of a map.
    unsafe {
        if (*half).second != second {
            (*half).second = second;
            (*half).left = setting!(whole_bytes);
        }
    }
}
