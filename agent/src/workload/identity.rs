//! Who a process is, as a value.

use std::path::Path;
use std::sync::Arc;

use super::cgroup::Container;
use super::names::NamedBy;
use super::runtime::Runtime;
use super::telemetry::Telemetry;
use crate::gap::observation::Process;

/// Who a process is. Nothing of its environment is kept but the name it gives to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id and when it started.
    pub process: Process,
    /// The id of its parent, as far as the kernel still knows.
    pub parent: u32,
    /// The process that stands for the whole service: the oldest of those that were forked to share its listening
    /// sockets (gunicorn's arbiter, nginx's master). Itself, where it has no such siblings.
    pub leader: Process,
    /// The service it belongs to; siblings have the same.
    pub service: Arc<str>,
    /// Where that name comes from.
    pub named_by: NamedBy,
    /// What runs, and since when: that of the leader, spelled as for proxies.
    pub epoch: Arc<str>,
    /// The path of its executable, as its own mount namespace has it; at most 4096 bytes. Empty for kernel threads.
    pub executable: Arc<str>,
    /// Its command line, words joined by spaces; at most 4096 bytes.
    pub command: Arc<str>,
    /// What runs it.
    pub runtime: Runtime,
    /// What says that an OpenTelemetry agent or SDK is loaded; `None` where nothing does.
    pub telemetry: Option<Telemetry>,
    /// Whether the executable is of 32 bits: its system calls are not observed.
    pub is_32_bit: bool,
    /// Whether it holds an io_uring: what goes through it is not observed.
    pub has_uring: bool,
    /// The path of its control group; empty where there is none.
    pub cgroup: Arc<str>,
    /// The container it runs in.
    pub container: Option<Container>,
    /// The systemd unit it belongs to, for example `shop.service`.
    pub unit: Option<Arc<str>>,
    /// The TCP ports it listens at, in ascending order, as they were when it was looked at last.
    pub ports: Vec<u16>,
    /// Its network namespace, by inode. Addresses of loopback are the same only within one.
    pub network: u64,
}

impl Identity {
    /// Whether both belong to one service: siblings that share its listening sockets.
    #[must_use]
    pub fn is_sibling_of(&self, other: &Self) -> bool {
        self.leader == other.leader
    }
}

/// Who the process with this id is now, its siblings looked for, too. Default names; see [`super::Workloads`] for
/// those of the configuration.
///
/// # Errors
/// When there is no such process, when it ends meanwhile or its id is used anew, or when it must not be looked into.
pub fn identify(pid: u32) -> std::io::Result<Identity> {
    let _ = (Path::new("/proc"), pid);
    Err(std::io::Error::other("not looked for yet"))
}
