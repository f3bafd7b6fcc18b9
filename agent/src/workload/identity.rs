//! Who a process is, as a value.

use std::io;
use std::sync::Arc;

use super::cgroup::Container;
use super::look::{Details, Facts, Look};
use super::names::{self, NamedBy, Own};
use super::process::Proc;
use super::runtime::Runtime;
use super::script::script;
use super::siblings::{self, Member};
use super::subject::Subject;
use super::telemetry::Telemetry;
use crate::config::workload::NameRule;
use crate::gap::observation::Process;

/// Who a process is. Nothing of its environment is kept but the name it gives to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id and when it started.
    pub process: Process,
    /// The id of its parent when it was looked at.
    pub parent: u32,
    /// The process that stands for the whole service: the oldest of those that share the work of its listening sockets
    /// (gunicorn's arbiter, nginx's master). Itself, where it has no such siblings.
    pub leader: Process,
    /// The service it belongs to; siblings have the same.
    pub service: Arc<str>,
    /// Where that name comes from.
    pub named_by: NamedBy,
    /// What runs, and since when: that of the leader, spelled as for proxies.
    pub epoch: Arc<str>,
    /// The path of its executable, as its own mount namespace has it; at most 4096 bytes. Empty where it may not be
    /// known, and for threads of the kernel.
    pub executable: Arc<str>,
    /// Its command line, words joined by spaces; at most 4096 bytes. It may hold what is nobody's business: it chooses
    /// processes, and is not shown.
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
    /// The TCP ports it or its leader listens at, in ascending order, as they were when it was looked at last.
    pub ports: Vec<u16>,
    /// Its network namespace, by inode; 0 where it may not be known. Addresses of loopback are the same only within one.
    pub network: u64,
}

impl Identity {
    /// Whether both belong to one service: siblings that share its listening sockets.
    #[must_use]
    pub fn is_sibling_of(&self, other: &Self) -> bool {
        self.leader == other.leader
    }

    /// What selectors see of it.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            pid: self.process.pid,
            leader: self.leader.pid,
            executable: &self.executable,
            command: &self.command,
            ports: &self.ports,
            cgroup: &self.cgroup,
            unit: self.unit.as_deref(),
            container: self.container.as_ref().map(|container| &*container.id),
            pod: self.container.as_ref().and_then(|container| container.pod.as_deref()),
        }
    }
}

/// Who the process with this id is now, its siblings looked for, too. With default names; see [`super::Workloads`] for
/// those of the configuration.
///
/// # Errors
/// When there is no such process, when it ends meanwhile or its id is used anew.
pub fn identify(pid: u32) -> io::Result<Identity> {
    let proc = Proc::system()?;
    let look = Look::new(&proc);
    let facts = look.facts(pid)?;
    let leader = leader(&facts, |pid| look.facts(pid).ok(), |pid| proc.children(pid));
    let details = look.details(&facts)?;
    let led = leader.as_ref().and_then(|leader| Some((leader, look.details(leader).ok()?)));
    let led = led.as_ref().map_or((&facts, &details), |(leader, details)| (leader, details));
    Ok(Identity::of(&facts, &details, Service::of(led.0, led.1, &proc, |pid| look.facts(pid).ok(), &[])))
}

/// The leader's facts, where this process is not its own.
pub(super) fn leader(
    facts: &Facts,
    of: impl Fn(u32) -> Option<Facts>,
    children: impl Fn(u32) -> Vec<u32>,
) -> Option<Facts> {
    let member = |pid: u32| -> Option<Member> { Some(of(pid)?.member) };
    let leader = siblings::leader(&facts.member, member, children);
    if leader == facts.process.pid { None } else { of(leader) }
}

/// What all siblings have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) leader: Process,
    pub(super) name: Arc<str>,
    pub(super) named_by: NamedBy,
    pub(super) epoch: Arc<str>,
    pub(super) ports: Vec<u16>,
}

impl Service {
    /// The service that this process stands for. `of` gives its parent.
    pub(super) fn of(
        facts: &Facts,
        details: &Details,
        proc: &Proc,
        of: impl Fn(u32) -> Option<Facts>,
        rules: &[NameRule],
    ) -> Self {
        let script = script(details.runtime, &facts.member.command, details.folder.as_deref());
        let is_systemd =
            |parent: Facts| matches!(&*parent.executable, "/usr/lib/systemd/systemd" | "/lib/systemd/systemd");
        let is_main_of_unit = facts.member.parent == 1 || of(facts.member.parent).is_some_and(is_systemd);
        let own = Own { environment: details.service.as_deref(), script: script.as_deref(), is_main_of_unit };
        let (command, ports) = (facts.member.command.text(), facts.ports());
        let subject = facts.subject(facts.process.pid, &command, &ports);
        let (name, named_by) = names::service(&subject, own, rules);
        let epoch = proc.epoch(facts.process);
        Self { leader: facts.process, name: name.into(), named_by, epoch, ports }
    }
}

impl Identity {
    /// Puts together what was read.
    pub(super) fn of(facts: &Facts, details: &Details, service: Service) -> Self {
        let mut ports = facts.ports();
        ports.extend(&service.ports);
        ports.sort_unstable();
        ports.dedup();
        Self {
            process: facts.process,
            parent: facts.member.parent,
            leader: service.leader,
            service: service.name,
            named_by: service.named_by,
            epoch: service.epoch,
            executable: Arc::clone(&facts.executable),
            command: facts.member.command.text().into(),
            runtime: details.runtime,
            telemetry: details.telemetry,
            is_32_bit: details.is_32_bit,
            has_uring: facts.has_uring,
            cgroup: facts.cgroup.path.as_str().into(),
            container: facts.cgroup.container.clone(),
            unit: facts.cgroup.unit.as_deref().map(Into::into),
            ports,
            network: facts.network,
        }
    }
}

impl Facts {
    /// The ports it listens at, in ascending order.
    pub(super) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.member.listening.iter().flatten().map(|(_, port)| *port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// What selectors see of it, led by this process, and with these ports.
    pub(super) fn subject<'a>(&'a self, leader: u32, command: &'a str, ports: &'a [u16]) -> Subject<'a> {
        Subject {
            pid: self.process.pid,
            leader,
            executable: &self.executable,
            command,
            ports,
            cgroup: &self.cgroup.path,
            unit: self.cgroup.unit.as_deref(),
            container: self.cgroup.container.as_ref().map(|container| &*container.id),
            pod: self.cgroup.container.as_ref().and_then(|container| container.pod.as_deref()),
        }
    }
}
