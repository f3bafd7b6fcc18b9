//! The arguments of a call that returns, or that is under way: in the registers the caller left, or in a map that was
//! filled when it began.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};
use throughline_common::call::Call;
use throughline_common::counter::Counter;
use throughline_common::settings::arguments::{ENTERED as FROM_MAP, SOCKET, TASK};
use throughline_common::target::flags::COMPAT;

use crate::counters::count;
use crate::kernel;
use crate::maps::{CALLS, ENTERED};
use crate::settings::setting;
use crate::task::Caller;

/// Where the arguments lie. What that is depends on the settings, and the verifier knows which.
#[derive(Clone, Copy)]
pub(crate) struct Arguments(u64);

impl Arguments {
    /// Those of the call that returns to this thread.
    #[inline(always)]
    pub(crate) fn of_thread(tid: u32) -> Option<Self> {
        if setting!(arguments) == FROM_MAP {
            return Some(Self(ENTERED.get_ptr(tid)? as u64));
        }
        // SAFETY: takes nothing, and the task is the caller's own.
        let registers = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) };
        (registers != 0).then_some(Self(registers as u64))
    }

    /// Those in the registers at this address.
    #[inline(always)]
    pub(crate) fn in_registers(address: u64) -> Self {
        Self(address)
    }

    /// Those of the call that the caller is in, and which it is, if it matters. The registers may also be of a fault in
    /// its own code, or of a call that has its result already: what io_uring left to be done is done on the way out, and
    /// is none of that call's. Then there are no arguments.
    #[inline(always)]
    pub(crate) fn under_way(caller: Caller) -> Option<(Option<Call>, Self)> {
        // SAFETY: takes nothing, and the task is the caller's own.
        let registers = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) };
        if registers == 0 {
            return None;
        }
        let found = Self(registers as u64);
        if found.register(setting!(call_mode)) as u32 & setting!(compat_mask) == setting!(compat_value) {
            count(Counter::Compat);
            let target = caller.watched()?.target;
            // SAFETY: the map's value is there for as long as the program runs.
            unsafe { (*target).flags |= COMPAT };
            return None;
        }
        let pending = match setting!(call_pending) {
            0 => found.register(setting!(registers[0])),
            pending => i64::from(pending as i32) as u64,
        };
        if found.register(setting!(call_result)) != pending {
            return Some((None, found));
        }
        let number = found.register(setting!(call_number)) as u32;
        Some((CALLS.get(number).and_then(|call| Call::of(*call)), found))
    }

    /// The argument with this number, from 0.
    #[inline(always)]
    pub(crate) fn get(self, number: usize) -> Option<u64> {
        match setting!(arguments) {
            FROM_MAP => {
                let place = self.0 as *const u64;
                // SAFETY: the map's value holds six.
                Some(unsafe { *place.add(number) })
            }
            TASK | SOCKET => Some(self.register(setting!(registers[number]))),
            _ => kernel::read(self.0, setting!(registers[number])),
        }
    }

    /// A register that the kernel gave the whole of.
    #[inline(always)]
    fn register(self, offset: u32) -> u64 {
        let place = (self.0 as *const c_void).wrapping_add(offset as usize);
        // SAFETY: the verifier knows the type behind the pointer and checks the offset against it.
        unsafe { place.cast::<u64>().read_volatile() }
    }
}
