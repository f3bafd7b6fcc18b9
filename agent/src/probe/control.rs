//! What the user side tells the kernel programs while they run, and what it asks them.

use std::io;

use aya::maps::{Array, HashMap, MapData, MapError, PerCpuArray};
use throughline_common::counter::Counter;
use throughline_common::missing::{MISSING, Missing};
use throughline_common::target::Target;
use throughline_common::wish;

use super::wire::Wire;

/// A flag of `bpf(2)`: no value is replaced.
const BPF_NOEXIST: u64 = 1;

/// The kernel programs' tables. Before Linux 5.19 the kernel asks for `CAP_BPF` with every call where the sysctl
/// `kernel.unprivileged_bpf_disabled` is set.
pub struct Control {
    targets: HashMap<MapData, u32, Wire<Target>>,
    watched: Array<MapData, u64>,
    wishes: Array<MapData, u64>,
    missing: HashMap<MapData, u64, Wire<Missing>>,
    counters: PerCpuArray<MapData, u64>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

/// What a process that is watched has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Requests that were not captured: its gate was closed and its budget used up.
    pub gated: u64,
    /// It made 32-bit system calls, which are not observable.
    pub compat: bool,
}

impl Control {
    pub(crate) fn new(
        targets: HashMap<MapData, u32, Wire<Target>>,
        watched: Array<MapData, u64>,
        wishes: Array<MapData, u64>,
        missing: HashMap<MapData, u64, Wire<Missing>>,
        counters: PerCpuArray<MapData, u64>,
    ) -> Self {
        Self { targets, watched, wishes, missing, counters }
    }

    /// Watches a process from now on. One that is watched already is left as it is.
    ///
    /// # Errors
    /// There are too many.
    pub fn watch(&mut self, pid: u32) -> io::Result<()> {
        // Counted first: a process that is counted and not there is looked up in vain, no more.
        self.count_watched(pid, 1)?;
        let outcome = self.targets.insert(pid, Wire(Target::default()), BPF_NOEXIST).map_err(plain);
        if outcome.is_err() {
            self.count_watched(pid, -1)?;
        }
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    /// Watches a process no longer. No error where it is not watched.
    pub fn forget(&mut self, pid: u32) {
        if self.targets.remove(&pid).is_ok() {
            let _ = self.count_watched(pid, -1);
        }
    }

    fn count_watched(&mut self, pid: u32, change: i64) -> io::Result<()> {
        let place = throughline_common::target::place(pid);
        let count: u64 = self.watched.get(&place, 0).map_err(plain)?;
        self.watched.set(place, count.saturating_add_signed(change), 0).map_err(plain)
    }

    /// What is known of a process that is watched.
    #[must_use]
    pub fn watched(&self, pid: u32) -> Option<Watched> {
        let Wire(target) = self.targets.get(&pid, 0).ok()?;
        Some(Watched { gated: target.gated, compat: target.flags & throughline_common::target::flags::COMPAT != 0 })
    }

    /// Captures everything of a process until then: nanoseconds of `CLOCK_MONOTONIC`. For marks that the kernel
    /// programs cannot recognise.
    ///
    /// # Errors
    /// It is not watched.
    pub fn open_gate(&mut self, pid: u32, until: u64) -> io::Result<()> {
        let Wire(mut target) = self.targets.get(&pid, 0).map_err(plain)?;
        target.gate_until = target.gate_until.max(until);
        self.targets.insert(pid, Wire(target), 0).map_err(plain)
    }

    /// Captures nothing more of the connection with this number, from its next message on.
    ///
    /// # Errors
    /// The kernel does not permit it any more.
    pub fn mute(&mut self, connection: u64) -> io::Result<()> {
        self.wish(connection, wish::MUTE)
    }

    /// Captures all of the connection with this number, from its next message on.
    ///
    /// # Errors
    /// The kernel does not permit it any more.
    pub fn whole(&mut self, connection: u64) -> io::Result<()> {
        self.wish(connection, wish::WHOLE)
    }

    fn wish(&mut self, connection: u64, wished: u64) -> io::Result<()> {
        self.wishes.set(wish::place(connection), connection | wished, 0).map_err(plain)
    }

    /// Whose records found no room, so far as that is remembered, by the number of the connection.
    #[must_use]
    pub fn missing(&self) -> Vec<(u64, Missing)> {
        // An entry that makes room for another on the way begins the walk anew.
        let entries = self.missing.iter().take(2 * MISSING as usize).filter_map(Result::ok);
        entries.map(|(number, Wire(missing))| (number, missing)).collect()
    }

    /// A counter, over all processors; 0 where the kernel does not permit to ask.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        let each = self.counters.get(&(counter as u32), 0);
        each.map_or(0, |each| each.iter().fold(0, |sum: u64, one| sum.wrapping_add(*one)))
    }
}

fn plain(error: MapError) -> io::Error {
    match error {
        MapError::SyscallError(error) => error.io_error,
        other => io::Error::other(other),
    }
}
