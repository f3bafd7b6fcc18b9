//! Threads that go to sleep (the raw tracepoint `sched_switch`): in which call shows what they wait for. Stands in for
//! the exits of the calls that wait; one that returns at once is not seen here, see `threads`.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use throughline_common::call::Call;

use super::calls;
use crate::arguments::Arguments;
use crate::task::Caller;
use crate::threads;

/// The caller gives its processor away; 0 is the state of a thread that goes on when it gets another one.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn thread_sleeps(context: RawTracePointContext) -> i32 {
    let state: u32 = context.arg(3);
    if state != 0 {
        let _ = sleeps();
    }
    0
}

#[inline(always)]
fn sleeps() -> Option<()> {
    let caller = Caller::maybe_watched()?;
    let (call, arguments) = Arguments::under_way(caller)?;
    match call {
        Some(Call::Accept) => {
            threads::waited(caller.tid);
            threads::slept(caller.tid);
        }
        Some(Call::Wait) => threads::looked_around(caller.tid),
        Some(Call::Poll) => calls::polled(caller.tid, arguments)?,
        _ => threads::slept(caller.tid),
    }
    Some(())
}
