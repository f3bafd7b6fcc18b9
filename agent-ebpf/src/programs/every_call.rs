//! One program that sees every call return (the raw tracepoint `sys_exit`): for where single tracepoints are refused,
//! because they take perf events and tracefs.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use throughline_common::call::Call;
use throughline_common::counter::Counter;
use throughline_common::target::flags::COMPAT;

use super::calls;
use crate::arguments::Arguments;
use crate::counters::count;
use crate::kernel::read;
use crate::maps::CALLS;
use crate::settings::setting;
use crate::task::Task;

/// A call returned, whichever.
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub(crate) fn exit_any(context: RawTracePointContext) -> i32 {
    let _ = exit(&context);
    0
}

#[inline(always)]
fn exit(context: &RawTracePointContext) -> Option<()> {
    let registers: u64 = context.arg(0);
    let number: u64 = read(registers, setting!(call_number))?;
    let call = Call::of(*CALLS.get(number as u32)?)?;
    let task = Task::watched()?;
    let mode: u64 = read(registers, setting!(call_mode))?;
    if mode as u32 & setting!(compat_mask) == setting!(compat_value) {
        count(Counter::Compat);
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe { (*task.target).flags |= COMPAT };
        return None;
    }
    calls::returned(call, &task, Arguments::in_registers(registers), context.arg(1))
}
