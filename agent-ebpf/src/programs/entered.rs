//! Keeps the arguments of a call for when it returns: for kernels that cannot give them then (before Linux 5.15). The
//! program is attached to the entry of every call that matters (`syscalls:sys_enter_*`).

use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use throughline_common::counter::Counter;

use crate::counters::count;
use crate::maps::ENTERED;
use crate::task::Task;

/// Where the arguments lie. Read through a helper: calls with fewer than six have a shorter record, and the kernel
/// would refuse to attach a program that looks beyond it.
const ARGUMENTS: usize = 16;

/// A call begins.
#[tracepoint]
pub(crate) fn enter(context: TracePointContext) -> u32 {
    let Some(task) = Task::watched() else { return 0 };
    // SAFETY: the kernel keeps room for six, whatever the call.
    let Ok(arguments) = (unsafe { context.read_at::<[u64; 6]>(ARGUMENTS) }) else { return 0 };
    if ENTERED.insert(task.tid, &arguments, 0).is_err() {
        count(Counter::ThreadsFull);
    }
    0
}
