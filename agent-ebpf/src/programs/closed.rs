//! The end of connections, and their beginning where sockets tell what moves (the raw tracepoint
//! `inet_sock_set_state`).

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use throughline_common::settings::arguments::SOCKET;

use crate::settings::setting;
use crate::{connections, places};

/// `TCP_ESTABLISHED` and `TCP_CLOSE`.
const ESTABLISHED: i32 = 1;
const CLOSED: i32 = 7;

/// A socket changes its state. In whatever thread or interrupt: nothing is asked of the task.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub(crate) fn socket_state(context: RawTracePointContext) -> i32 {
    let sock: u64 = context.arg(0);
    let state: i32 = context.arg(2);
    if state == CLOSED {
        if let Some(known) = connections::find(sock) {
            connections::forget(sock, known);
        }
        if setting!(arguments) == SOCKET {
            places::over(sock);
        }
    } else if state == ESTABLISHED && setting!(arguments) == SOCKET {
        let _ = places::established(sock, context.arg(1));
    }
    0
}
