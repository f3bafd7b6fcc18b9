//! Looks at processes: what `/proc` says of one, quickly for all and in detail for those that matter. The only place of
//! identities that does I/O.
//!
//! A process that ends between two readings is an error, one that must not be looked into is known in part.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use super::cgroup::Cgroup;
use super::command::{self, Command};
use super::elf::Elf;
use super::environ::{self, Environment};
use super::process::Proc;
use super::runtime::{Runtime, mapped_files};
use super::siblings::Member;
use super::sockets;
use super::telemetry::Telemetry;
use crate::gap::observation::Process;

/// Bytes of `/proc/PID/cgroup` and `maps` that are read.
const MAX_CGROUP: usize = 64 << 10;
const MAX_MAPS: usize = 1 << 20;
/// Bytes of a path that are kept.
const MAX_PATH: usize = 4096;
/// What the kernel adds to the path of a file that was removed or replaced.
const DELETED: &str = " (deleted)";

/// What is quickly read of a process, and enough to choose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) process: Process,
    /// What siblings are told by.
    pub(super) member: Member,
    /// The path of the executable; the command's first word where that may not be known.
    pub(super) executable: Arc<str>,
    pub(super) cgroup: Arc<Cgroup>,
    /// The network namespace, by inode; 0 where it may not be known.
    pub(super) network: u64,
    /// Whether it holds an io_uring.
    pub(super) has_uring: bool,
    /// Whether the kernel started it for itself.
    pub(super) is_kernel: bool,
}

/// What is read only of processes that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) runtime: Runtime,
    pub(super) telemetry: Option<Telemetry>,
    pub(super) is_32_bit: bool,
    /// The name it has in its environment.
    pub(super) service: Option<String>,
    /// The current directory.
    pub(super) folder: Option<String>,
}

/// One look at `/proc`: what listens is read once for each network namespace.
#[derive(Debug)]
pub(super) struct Look<'a> {
    proc: &'a Proc,
    listening: RefCell<AllListening>,
}

/// The sockets of a network namespace that listen, by inode.
type Listening = Arc<HashMap<u64, SocketAddr>>;
/// Those of all that were asked for.
pub(super) type AllListening = HashMap<u64, Listening>;

impl<'a> Look<'a> {
    pub(super) fn new(proc: &'a Proc) -> Self {
        Self::knowing(proc, AllListening::new())
    }

    /// One that takes over what listened when it was looked at last: the tables of other network namespaces are long, and
    /// read for one process take longer than all else.
    pub(super) fn knowing(proc: &'a Proc, listening: AllListening) -> Self {
        Self { proc, listening: RefCell::new(listening) }
    }

    /// What listens, as far as it was asked for.
    pub(super) fn into_listening(self) -> AllListening {
        self.listening.into_inner()
    }

    pub(super) fn proc(&self) -> &'a Proc {
        self.proc
    }

    /// What is known of this process.
    ///
    /// # Errors
    /// When it is gone, or ended meanwhile, or its id is used anew.
    pub(super) fn facts(&self, pid: u32) -> io::Result<Facts> {
        let stat = self.proc.stat(pid)?;
        let process = self.proc.process_of(pid, &stat);
        let command = Command::parse(&self.proc.read(pid, "cmdline", command::MAX_READ)?);
        let cgroup = self.proc.read(pid, "cgroup", MAX_CGROUP).unwrap_or_default();
        let executable = self.proc.link(pid, "exe").map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let file = fs::metadata(self.proc.path(pid, "exe")).map(|file| (file.dev(), file.ino())).ok();
        let network = self.proc.network(pid);
        let mut has_uring = false;
        let listening = self.sockets(pid, network, &mut has_uring);
        if self.proc.process(pid) != Some(process) {
            return Err(gone(pid));
        }
        let mut executable = executable.strip_suffix(DELETED).unwrap_or(&executable);
        if executable.is_empty() && command.title().is_none() {
            // It may not be known: what it was started as has to do.
            executable = command.words().first().map_or("", String::as_str);
        }
        let end = executable.floor_char_boundary(MAX_PATH);
        let executable: Arc<str> = executable.get(..end).unwrap_or_default().into();
        let member =
            Member { pid, parent: stat.parent, started: process.started, file, command: Arc::new(command), listening };
        Ok(Facts {
            process,
            member,
            executable,
            cgroup: Arc::new(Cgroup::parse(&String::from_utf8_lossy(&cgroup))),
            network,
            has_uring,
            is_kernel: stat.is_kernel,
        })
    }

    /// What else is known of it.
    ///
    /// # Errors
    /// When it is gone meanwhile, or its id is used anew.
    pub(super) fn details(&self, facts: &Facts) -> io::Result<Details> {
        let pid = facts.process.pid;
        let mut environment = self.proc.read(pid, "environ", environ::MAX_READ).unwrap_or_default();
        let known = Environment::parse(&environment);
        // It may hold keys.
        environment.fill(0);
        let maps = self.proc.read(pid, "maps", MAX_MAPS).unwrap_or_default();
        let maps = String::from_utf8_lossy(&maps);
        let elf = File::open(self.proc.path(pid, "exe")).ok().and_then(|file| Elf::read(at(&file)));
        let folder = self.proc.link(pid, "cwd").ok().map(|path| path.to_string_lossy().into_owned());
        if self.proc.process(pid) != Some(facts.process) {
            return Err(gone(pid));
        }
        let name = facts.executable.rsplit('/').next().unwrap_or_default();
        let runtime = Runtime::of_name(name).or_else(|| Runtime::of_libraries(mapped_files(&maps)));
        Ok(Details {
            runtime: runtime.unwrap_or_else(|| elf.map_or(Runtime::Unknown, Runtime::of_elf)),
            telemetry: Telemetry::of(&facts.member.command, &known, mapped_files(&maps)),
            is_32_bit: elf.is_some_and(|elf| elf.is_32_bit),
            service: known.service,
            folder: folder.map(|folder| folder.strip_suffix(DELETED).unwrap_or(&folder).to_owned()),
        })
    }

    /// The sockets that listen in the network namespace of this process.
    pub(super) fn listening(&self, pid: u32, network: u64) -> Listening {
        if let Some(known) = self.listening.borrow().get(&network) {
            return Arc::clone(known);
        }
        let found = if network == self.proc.own_network() {
            sockets::listeners()
        } else {
            sockets::listeners_in(["net/tcp", "net/tcp6"].map(|table| self.proc.path(pid, table))).collect()
        };
        let found = Arc::new(found.into_iter().map(|socket| (socket.inode, socket.local)).collect());
        self.listening.borrow_mut().insert(network, Arc::clone(&found));
        found
    }

    /// Inode and port of each socket of this process that listens.
    fn sockets(&self, pid: u32, network: u64, has_uring: &mut bool) -> Option<Vec<(u64, u16)>> {
        let listening = if network == 0 { Listening::default() } else { self.listening(pid, network) };
        let mut found = Vec::new();
        let looked = self.proc.each_descriptor(pid, |target| {
            *has_uring |= target == b"anon_inode:[io_uring]";
            found.extend(super::process::socket(target).and_then(|inode| {
                let address = listening.get(&inode)?;
                Some((inode, address.port()))
            }));
            true
        });
        looked.is_ok_and(|()| network != 0).then_some(found)
    }
}

fn gone(pid: u32) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("process {pid} ended while it was looked at"))
}

/// Reads pieces of a file.
fn at(file: &File) -> impl FnMut(u64, usize) -> Option<Vec<u8>> {
    move |offset, most| {
        let mut bytes = vec![0; most];
        let length = file.read_at(&mut bytes, offset).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}
