//! The arguments of a call that returns: in the registers the caller left, or in a map that was filled when it began.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};
use throughline_common::settings::arguments::{ENTERED as FROM_MAP, TASK};

use crate::kernel;
use crate::maps::ENTERED;
use crate::settings::setting;

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

    /// The argument with this number, from 0.
    #[inline(always)]
    pub(crate) fn get(self, number: usize) -> Option<u64> {
        match setting!(arguments) {
            FROM_MAP => {
                let place = self.0 as *const u64;
                // SAFETY: the map's value holds six.
                Some(unsafe { *place.add(number) })
            }
            TASK => {
                let place = (self.0 as *const c_void).wrapping_add(setting!(registers[number]) as usize);
                // SAFETY: the verifier knows the type behind the pointer and checks the offset against it.
                Some(unsafe { place.cast::<u64>().read_volatile() })
            }
            _ => kernel::read(self.0, setting!(registers[number])),
        }
    }
}
