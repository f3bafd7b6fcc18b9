//! The end of connections (the raw tracepoint `inet_sock_set_state`).

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

use crate::connections;

/// `TCP_CLOSE`.
const CLOSED: i32 = 7;

/// A socket changes its state. In whatever thread or interrupt: nothing is asked of the task.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub(crate) fn socket_state(context: RawTracePointContext) -> i32 {
    let state: i32 = context.arg(2);
    if state == CLOSED {
        let sock: u64 = context.arg(0);
        if let Some(known) = connections::find(sock) {
            connections::forget(sock, known);
        }
    }
    0
}
