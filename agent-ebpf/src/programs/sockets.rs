//! Sockets tell what moved over them (the raw tracepoints `sock_recv_length` and `sock_send_length`, Linux 6.3), in the
//! midst of the call that moved it: unlike hooks of system calls, they cost nothing where no socket is used.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use throughline_common::record::Direction;

use super::calls::{self, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, Over};
use crate::arguments::Arguments;
use crate::task::Caller;
use crate::{connections, turn};

/// Bytes were received.
#[raw_tracepoint(tracepoint = "sock_recv_length")]
pub(crate) fn socket_received(context: RawTracePointContext) -> i32 {
    let options: i32 = context.arg(2);
    let options = options as u32 as u64;
    if options & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB) == 0 {
        let _ = moved(&context, Direction::Read, options & MSG_DONTWAIT != 0);
    }
    0
}

/// Bytes were sent: they are in the kernel's buffers, and still in the caller's.
#[raw_tracepoint(tracepoint = "sock_send_length")]
pub(crate) fn socket_sent(context: RawTracePointContext) -> i32 {
    let _ = moved(&context, Direction::Write, false);
    0
}

#[inline(always)]
fn moved(context: &RawTracePointContext, direction: Direction, is_unwaiting: bool) -> Option<()> {
    let result: i32 = context.arg(1);
    if result <= 0 {
        return None;
    }
    let caller = Caller::maybe_watched()?;
    let sock = context.arg(0);
    let known = connections::find(sock);
    if known.is_some_and(|known| turn::is_passed_over(known, direction as u32)) {
        return None;
    }
    let task = caller.watched()?;
    let (call, arguments) = Arguments::under_way(caller)?;
    calls::moved_over(Over { sock, known, direction, is_unwaiting }, call, &task, arguments, result)
}
