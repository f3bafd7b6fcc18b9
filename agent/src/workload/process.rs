//! A process as it can be told from others: its id and when it started, its executable, its children, its sockets.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::stat::Stat;
use crate::gap::observation::Process;

/// Ticks of `/proc/PID/stat` in a second: the kernel's interface has had this one for all user programs since 2.6.
const TICKS: u64 = 100;
/// Bytes of an executable's path that are kept in an epoch, from its end.
const MAX_PATH: usize = 160;
/// Entries of `/proc/PID/fd` that are looked at.
const MAX_DESCRIPTORS: usize = 100_000;

/// The folder `/proc`.
#[derive(Debug, Clone)]
pub(super) struct Proc {
    root: PathBuf,
    /// When the machine started, in nanoseconds since the Unix epoch. Read once: the kernel moves it with the clock.
    boot: u64,
    /// The network namespace of this process, by inode; 0 where it may not be known, or for a folder elsewhere.
    own_network: u64,
}

impl Proc {
    /// That of this machine.
    ///
    /// # Errors
    /// Where `/proc` is not mounted.
    pub(super) fn system() -> io::Result<Self> {
        let own_network = fs::read_link("/proc/self/ns/net").ok().and_then(|link| network(&link)).unwrap_or_default();
        Ok(Self { own_network, ..Self::at("/proc")? })
    }

    /// One that lies elsewhere.
    ///
    /// # Errors
    /// Where it has no `stat`.
    pub(super) fn at(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let stat = fs::read_to_string(root.join("stat"))?;
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
        let boot = seconds.ok_or_else(|| io::Error::other("no btime in /proc/stat"))?.saturating_mul(1_000_000_000);
        Ok(Self { root, boot, own_network: 0 })
    }

    /// The network namespace of a process, by inode; 0 where it may not be known.
    pub(super) fn network(&self, pid: u32) -> u64 {
        self.link(pid, "ns/net").ok().and_then(|link| network(&link)).unwrap_or_default()
    }

    /// That of this process.
    pub(super) fn own_network(&self) -> u64 {
        self.own_network
    }

    /// A file of a process.
    pub(super) fn path(&self, pid: u32, file: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(file)
    }

    /// At most `most` bytes of a file of a process.
    ///
    /// # Errors
    /// When the process is gone, or belongs to somebody else.
    pub(super) fn read(&self, pid: u32, file: &str, most: usize) -> io::Result<Vec<u8>> {
        read(&self.path(pid, file), most)
    }

    /// Where a link of a process leads to.
    ///
    /// # Errors
    /// When the process is gone, belongs to somebody else, or has no such thing.
    pub(super) fn link(&self, pid: u32, link: &str) -> io::Result<PathBuf> {
        fs::read_link(self.path(pid, link))
    }

    /// What `/proc/PID/stat` says.
    ///
    /// # Errors
    /// When the process is gone.
    pub(super) fn stat(&self, pid: u32) -> io::Result<Stat> {
        let text = self.read(pid, "stat", 4096)?;
        Stat::parse(&text)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an unknown form of /proc/PID/stat"))
    }

    /// The process that has this id now.
    pub(super) fn process(&self, pid: u32) -> Option<Process> {
        Some(self.process_of(pid, &self.stat(pid).ok()?))
    }

    /// The process this was read of.
    pub(super) fn process_of(&self, pid: u32, stat: &Stat) -> Process {
        let since_boot = stat.started.saturating_mul(1_000_000_000 / TICKS);
        Process { pid, started: self.boot.saturating_add(since_boot) }
    }

    /// What runs in this process: the executable, by path, inode and time of change, and when the process started.
    pub(super) fn epoch(&self, process: Process) -> Arc<str> {
        let exe = self.path(process.pid, "exe");
        let path = fs::read_link(&exe).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let from = path.ceil_char_boundary(path.len().saturating_sub(MAX_PATH));
        let path = path.get(from..).unwrap_or_default();
        let file = fs::metadata(&exe).map(|file| format!("{:x}.{:x}", file.ino(), file.mtime())).unwrap_or_default();
        format!("{path} {file} {}", process.started).into()
    }

    /// The ids of all processes, in ascending order.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub(super) fn all(&self) -> io::Result<Vec<u32>> {
        let names = fs::read_dir(&self.root)?.flatten().map(|entry| entry.file_name());
        let mut all: Vec<u32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// The processes that this one started, where the kernel says so (CONFIG_PROC_CHILDREN).
    pub(super) fn children(&self, pid: u32) -> Vec<u32> {
        let Ok(threads) = fs::read_dir(self.path(pid, "task")) else { return Vec::new() };
        let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
    }

    /// Calls `each` with the inode of every socket the process holds, until it returns false.
    ///
    /// # Errors
    /// When the process is gone, or belongs to somebody else.
    pub(super) fn each_socket(&self, pid: u32, mut each: impl FnMut(u64) -> bool) -> io::Result<()> {
        self.each_descriptor(pid, |target| socket(target).is_none_or(&mut each))
    }

    /// Calls `each` with what every descriptor of the process leads to, until it returns false.
    ///
    /// # Errors
    /// When the process is gone, or belongs to somebody else.
    pub(super) fn each_descriptor(&self, pid: u32, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(self.path(pid, "fd"))?.flatten().take(MAX_DESCRIPTORS) {
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            if !each(OsStr::as_bytes(target.as_os_str())) {
                break;
            }
        }
        Ok(())
    }
}

/// The inode that a link to a network namespace bears.
fn network(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// The inode of the socket that a descriptor leads to, if it leads to one.
pub(super) fn socket(target: &[u8]) -> Option<u64> {
    let digits = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// At most `most` bytes from the beginning of a file.
///
/// # Errors
/// Those of the operating system.
pub(super) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn this_process_is_who_it_is() {
        let proc = Proc::system().unwrap();
        let me = proc.process(std::process::id()).unwrap();
        assert_eq!(proc.process(std::process::id()), Some(me), "it does not change");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        // The kernel gives the machine's start in whole seconds.
        assert!(me.started < now + 2_000_000_000 && now - me.started.min(now) < 86_400_000_000_000, "{me:?}");
        let epoch = proc.epoch(me);
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(epoch.contains(&name) && epoch.len() <= 255, "{epoch}");
        assert!(proc.all().unwrap().contains(&me.pid) && proc.process(u32::MAX).is_none());
    }

    #[test]
    fn children_and_their_sockets_are_found() {
        let proc = Proc::system().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(proc.children(std::process::id()).contains(&child.id()));
        let mut mine = Vec::new();
        proc.each_socket(std::process::id(), |inode| {
            mine.push(inode);
            true
        })
        .unwrap();
        assert!(!mine.is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(proc.each_socket(child.id(), |_| true).is_err(), "it is gone");
        drop(listener);
    }
}
