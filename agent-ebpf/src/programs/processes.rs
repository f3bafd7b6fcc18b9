//! Processes come and go (the raw tracepoints `sched_process_exec`, `_fork` and `_exit`), and set up io_uring.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use throughline_common::record::Kind;
use throughline_common::target::{Target, flags};

use crate::kernel::read;
use crate::maps::{ENTERED, TARGETS};
use crate::settings::setting;
use crate::task::Task;
use crate::{record, task, threads};

/// A process runs another program. Told of every process: which are watched is for the user side to say.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub(crate) fn process_exec(_: RawTracePointContext) -> i32 {
    let (tgid, tid) = task::ids();
    record::process(Kind::Exec, tgid, tid, 0);
    0
}

/// A process is forked: its child is watched from its first instruction.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn process_fork(context: RawTracePointContext) -> i32 {
    let _ = forked(&context);
    0
}

#[inline(always)]
fn forked(context: &RawTracePointContext) -> Option<()> {
    let (parent, tid) = task::ids();
    let target = TARGETS.get_ptr(parent)?;
    let child: u32 = read(context.arg(1), setting!(task_tgid))?;
    if child == parent {
        // A thread.
        return None;
    }
    // SAFETY: the map's value is there for as long as the program runs.
    let gate_until = unsafe { (*target).gate_until };
    let inherited = Target { gate_until, allowed: 0, messages: 0, flags: flags::INHERITED, gated: 0 };
    if TARGETS.insert(child, &inherited, u64::from(BPF_NOEXIST)).is_ok() {
        task::count_watched(child, 1);
    }
    record::process(Kind::Fork, child, tid, u64::from(parent));
    Some(())
}

/// A process set up io_uring. Attached where no program sees its system calls.
#[raw_tracepoint(tracepoint = "io_uring_create")]
pub(crate) fn process_uring(_: RawTracePointContext) -> i32 {
    if let Some(task) = Task::watched() {
        record::process(Kind::Uring, task.tgid, task.tid, 0);
    }
    0
}

/// A thread ends, and with the last one its process.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub(crate) fn process_exit(context: RawTracePointContext) -> i32 {
    let _ = exited(&context);
    0
}

#[inline(always)]
fn exited(context: &RawTracePointContext) -> Option<()> {
    let (tgid, tid) = task::ids();
    TARGETS.get_ptr(tgid)?;
    threads::forget(tid);
    let _ = ENTERED.remove(tid);
    let signal: u64 = read(context.arg(0), setting!(task_signal))?;
    let live: i32 = read(signal, setting!(signal_live))?;
    if live == 0 {
        if TARGETS.remove(tgid).is_ok() {
            task::count_watched(tgid, -1);
        }
        record::process(Kind::Exit, tgid, tid, 0);
    }
    Some(())
}
