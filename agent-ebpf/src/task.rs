//! Who made the call: the process and the thread, and whether the process is watched.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use throughline_common::target::Target;

use crate::maps::TARGETS;
use crate::settings::setting;

/// A thread of a watched process.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    /// What is known of the process: a place in the map.
    pub(crate) target: *mut Target,
}

impl Task {
    /// The caller, if its process is watched.
    #[inline(always)]
    pub(crate) fn watched() -> Option<Self> {
        let (tgid, tid) = ids();
        if tgid == setting!(own_tgid) {
            return None;
        }
        Some(Self { tgid, tid, target: TARGETS.get_ptr_mut(tgid)? })
    }
}

/// Process id and thread id of the caller, in the first namespace.
#[inline(always)]
pub(crate) fn ids() -> (u32, u32) {
    let both = bpf_get_current_pid_tgid();
    ((both >> 32) as u32, both as u32)
}
