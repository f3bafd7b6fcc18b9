//! Whose records found no room in the ring buffer: so that nobody else's are doubted.

use throughline_common::connection::Connection;
use throughline_common::counter::Counter;
use throughline_common::missing::Missing;

use crate::counters::count;
use crate::maps::{MISSING, NOTHING};
use crate::{kernel, walk};

/// A record with bytes of this connection.
#[inline(always)]
pub(crate) fn data(sock: u64, connection: *mut Connection, tgid: u32) {
    // SAFETY: the map's value is there for as long as the program runs.
    let (number, flags, ports) = unsafe { ((*connection).number, (*connection).flags, (*connection).ports) };
    let Some(missing) = of(number, tgid) else { return };
    // SAFETY: as above.
    unsafe {
        if (*missing).data == 0
            && let Some(family) = walk::tcp_family(sock)
        {
            walk::addresses(sock, family, ports, &raw mut (*missing).addresses);
        }
        (*missing).flags = flags;
        (*missing).data = (*missing).data.saturating_add(1);
    }
}

/// Another record: of a connection, or of a process by its number alone.
#[inline(always)]
pub(crate) fn other(number: u64, tgid: u32) {
    if let Some(missing) = of(number, tgid) {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe { (*missing).other = (*missing).other.saturating_add(1) };
    }
}

#[inline(always)]
fn of(number: u64, tgid: u32) -> Option<*mut Missing> {
    count(Counter::RingFull);
    let mut missing = MISSING.get_ptr_mut(number);
    if missing.is_none() {
        // Not from the stack, which has no room left where records are written.
        let _ = MISSING.insert(number, NOTHING.get(0)?, 0);
        missing = MISSING.get_ptr_mut(number);
    }
    let missing = missing?;
    // SAFETY: the map's value is there for as long as the program runs.
    unsafe {
        (*missing).time = kernel::now();
        (*missing).tgid = tgid;
    }
    Some(missing)
}
