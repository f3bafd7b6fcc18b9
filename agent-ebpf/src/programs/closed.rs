//! The end of connections, and their beginning where sockets tell what moves; who listens (the raw tracepoint
//! `inet_sock_set_state`).

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use throughline_common::counter::Counter;
use throughline_common::settings::arguments::SOCKET;

use crate::counters::count;
use crate::settings::setting;
use crate::{connections, places};

/// `TCP_ESTABLISHED`, `TCP_CLOSE` and `TCP_LISTEN`.
const ESTABLISHED: i32 = 1;
const CLOSED: i32 = 7;
const LISTENING: i32 = 10;

/// A socket changes its state. In whatever thread or interrupt: nothing is asked of the task.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub(crate) fn socket_state(context: RawTracePointContext) -> i32 {
    let sock: u64 = context.arg(0);
    let (before, state): (i32, i32) = (context.arg(1), context.arg(2));
    // A socket for a new connection begins as a copy of the one that listens, and goes on from there to another state.
    if state == LISTENING || (before == LISTENING && state == CLOSED) {
        count(Counter::Listeners);
    }
    if state == CLOSED {
        if let Some(known) = connections::find(sock) {
            connections::forget(sock, known);
        }
        if setting!(arguments) == SOCKET {
            places::over(sock);
        }
    } else if state == ESTABLISHED && setting!(arguments) == SOCKET {
        let _ = places::established(sock, before);
    }
    0
}
