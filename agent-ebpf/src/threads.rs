//! What threads of watched processes wait for: whether one serves its connection and nothing else meanwhile.
//!
//! Where sockets tell what moves, a wait is seen only if the thread slept. One that returns at once, because something was
//! there already, hands the thread other work all the same. So a thread that was ever seen to wait for whatever comes, or
//! not yet asleep at all, is taken to do so after each read from a connection that is made for it: one that is in the set
//! of an epoll, or that is read without waiting.

use throughline_common::connection::flags;
use throughline_common::counter::Counter;
use throughline_common::thread::{Thread, habit};

use crate::counters::count;
use crate::maps::THREADS;
use crate::{connections, kernel, walk};

/// This thread waited for whatever comes.
#[inline(always)]
pub(crate) fn waited(tid: u32) {
    if let Some(thread) = of(tid) {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe { (*thread).waits += 1 };
    }
}

/// This thread waited for whatever comes, and may do so again.
#[inline(always)]
pub(crate) fn looked_around(tid: u32) {
    if let Some(thread) = of(tid) {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe {
            (*thread).waits += 1;
            (*thread).habit = habit::LOOPS;
        }
    }
}

/// This thread sleeps, in a call that waits for nothing but its own matter.
#[inline(always)]
pub(crate) fn slept(tid: u32) {
    if let Some(thread) = of(tid) {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe {
            if (*thread).habit == habit::UNKNOWN {
                (*thread).habit = habit::SLEEPS;
            }
        }
    }
}

/// This thread read from a client, without waiting for the bytes or not. It may do anything until it answers if that is
/// how it works.
#[inline(always)]
pub(crate) fn may_look_around(tid: u32, sock: u64, is_unwaiting: bool) {
    let Some(thread) = THREADS.get_ptr_mut(tid) else { return };
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        if (*thread).habit != habit::SLEEPS && (is_unwaiting || walk::is_in_epoll(sock)) {
            (*thread).waits += 1;
        }
    }
}

/// This thread waited for one descriptor: that counts unless it is a connection of its own.
#[inline(always)]
pub(crate) fn waited_for(tid: u32, descriptor: u32) {
    let Some(thread) = of(tid) else { return };
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        if !is_own(descriptor, (*thread).serves) {
            (*thread).waits += 1;
            (*thread).habit = habit::LOOPS;
        }
    }
}

/// The number for [`waits`](throughline_common::record::Header::waits). `read` is the accepted connection that the
/// thread just read from, or 0.
#[inline(always)]
pub(crate) fn waits(tid: u32, read: u64) -> u64 {
    // Where nothing can be remembered, no two numbers are equal.
    let Some(thread) = of(tid) else { return kernel::now() };
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        if read != 0 {
            (*thread).serves = read;
        }
        (*thread).waits
    }
}

/// The thread is over.
#[inline(always)]
pub(crate) fn forget(tid: u32) {
    let _ = THREADS.remove(tid);
}

/// A connection the process made, the one it serves, or a socket over which no requests come: the resolver's, a
/// database's. An event loop waits for a pipe, another loop, or a listener.
#[inline(always)]
fn is_own(descriptor: u32, serves: u64) -> bool {
    let Some(sock) = walk::sock(descriptor) else { return false };
    let Some(connection) = connections::find(sock) else {
        return walk::is_socket(descriptor) && walk::state(sock) != Some(walk::LISTENING);
    };
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe { (*connection).flags & flags::CALLED != 0 || (*connection).number == serves }
}

#[inline(always)]
fn of(tid: u32) -> Option<*mut Thread> {
    if let Some(thread) = THREADS.get_ptr_mut(tid) {
        return Some(thread);
    }
    let new = Thread { waits: kernel::now(), serves: 0, habit: habit::UNKNOWN };
    let _ = THREADS.insert(tid, &new, 0);
    let thread = THREADS.get_ptr_mut(tid);
    if thread.is_none() {
        count(Counter::ThreadsFull);
    }
    thread
}
