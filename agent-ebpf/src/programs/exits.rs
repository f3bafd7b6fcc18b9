//! One program for each kind of call, at the tracepoint where it returns (`syscalls:sys_exit_*`).

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use throughline_common::call::Call;
use throughline_common::settings::arguments::ENTERED as FROM_MAP;

use super::calls;
use crate::arguments::Arguments;
use crate::maps::ENTERED;
use crate::settings::setting;
use crate::task::Task;

/// Where the result lies: behind the eight bytes all tracepoints share, and the number of the call.
const RESULT: usize = 16;

/// A call of this kind returned.
#[inline(always)]
fn exit(context: &TracePointContext, call: Call) -> u32 {
    let Some(task) = Task::watched() else { return 0 };
    // SAFETY: every exit of a call has its result there.
    let result = unsafe { *context.as_ptr().wrapping_add(RESULT).cast::<i64>() };
    if let Some(arguments) = Arguments::of_thread(task.tid) {
        let _ = calls::returned(call, &task, arguments, result);
    }
    if setting!(arguments) == FROM_MAP {
        let _ = ENTERED.remove(task.tid);
    }
    0
}

/// `read`.
#[tracepoint]
pub(crate) fn exit_read(context: TracePointContext) -> u32 {
    exit(&context, Call::Read)
}

/// `readv`.
#[tracepoint]
pub(crate) fn exit_readv(context: TracePointContext) -> u32 {
    exit(&context, Call::Readv)
}

/// `recvfrom`.
#[tracepoint]
pub(crate) fn exit_recvfrom(context: TracePointContext) -> u32 {
    exit(&context, Call::Recvfrom)
}

/// `recvmsg`.
#[tracepoint]
pub(crate) fn exit_recvmsg(context: TracePointContext) -> u32 {
    exit(&context, Call::Recvmsg)
}

/// `recvmmsg`.
#[tracepoint]
pub(crate) fn exit_recvmmsg(context: TracePointContext) -> u32 {
    exit(&context, Call::Recvmmsg)
}

/// `write`.
#[tracepoint]
pub(crate) fn exit_write(context: TracePointContext) -> u32 {
    exit(&context, Call::Write)
}

/// `writev`.
#[tracepoint]
pub(crate) fn exit_writev(context: TracePointContext) -> u32 {
    exit(&context, Call::Writev)
}

/// `sendto`.
#[tracepoint]
pub(crate) fn exit_sendto(context: TracePointContext) -> u32 {
    exit(&context, Call::Sendto)
}

/// `sendmsg`.
#[tracepoint]
pub(crate) fn exit_sendmsg(context: TracePointContext) -> u32 {
    exit(&context, Call::Sendmsg)
}

/// `sendmmsg`.
#[tracepoint]
pub(crate) fn exit_sendmmsg(context: TracePointContext) -> u32 {
    exit(&context, Call::Sendmmsg)
}

/// `sendfile64`.
#[tracepoint]
pub(crate) fn exit_sendfile(context: TracePointContext) -> u32 {
    exit(&context, Call::Sendfile)
}

/// `splice`.
#[tracepoint]
pub(crate) fn exit_splice(context: TracePointContext) -> u32 {
    exit(&context, Call::Splice)
}

/// `accept` and `accept4`.
#[tracepoint]
pub(crate) fn exit_accept(context: TracePointContext) -> u32 {
    exit(&context, Call::Accept)
}

/// `connect`.
#[tracepoint]
pub(crate) fn exit_connect(context: TracePointContext) -> u32 {
    exit(&context, Call::Connect)
}

/// `epoll_wait`, `epoll_pwait`, `epoll_pwait2`, `select` and `pselect6`.
#[tracepoint]
pub(crate) fn exit_wait(context: TracePointContext) -> u32 {
    exit(&context, Call::Wait)
}

/// `poll` and `ppoll`.
#[tracepoint]
pub(crate) fn exit_poll(context: TracePointContext) -> u32 {
    exit(&context, Call::Poll)
}

/// `io_uring_setup`.
#[tracepoint]
pub(crate) fn exit_uring(context: TracePointContext) -> u32 {
    exit(&context, Call::Uring)
}
