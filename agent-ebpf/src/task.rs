//! Who made the call: the process and the thread, and whether the process is watched.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use throughline_common::target::{self, Target};

use crate::maps::{TARGETS, WATCHED};
use crate::settings::setting;

/// A thread of a watched process.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    /// What is known of the process: a place in the map.
    pub(crate) target: *mut Target,
}

/// A thread whose process may be watched: few are not, and to know takes longer.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
}

impl Task {
    /// The caller, if its process is watched.
    #[inline(always)]
    pub(crate) fn watched() -> Option<Self> {
        Caller::maybe_watched()?.watched()
    }
}

impl Caller {
    /// The caller, unless its process is surely not watched.
    #[inline(always)]
    pub(crate) fn maybe_watched() -> Option<Self> {
        let (tgid, tid) = ids();
        if *WATCHED.get(target::place(tgid))? == 0 || tgid == setting!(own_tgid) {
            return None;
        }
        Some(Self { tgid, tid })
    }

    /// The same, if its process is watched.
    #[inline(always)]
    pub(crate) fn watched(self) -> Option<Task> {
        let Self { tgid, tid } = self;
        Some(Task { tgid, tid, target: TARGETS.get_ptr_mut(tgid)? })
    }
}

/// Process id and thread id of the caller, in the first namespace.
#[inline(always)]
pub(crate) fn ids() -> (u32, u32) {
    let both = bpf_get_current_pid_tgid();
    ((both >> 32) as u32, both as u32)
}

/// Counts a process that is watched from now on, or no longer.
#[inline(always)]
pub(crate) fn count_watched(tgid: u32, change: i64) {
    if let Some(place) = WATCHED.get_ptr_mut(target::place(tgid)) {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe { *place = (*place).saturating_add_signed(change) };
    }
}
