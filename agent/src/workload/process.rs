//! A process as it can be told from others: its id and when it started, its executable, its children, its sockets.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use crate::gap::observation::Process;

/// Ticks of `/proc/PID/stat` in a second: the kernel's interface has had this one for all user programs since 2.6.
const TICKS: u64 = 100;
/// Bytes of an executable's path that are kept, from its end.
const MAX_PATH: usize = 160;

/// When the machine started, in nanoseconds since the Unix epoch. Read once: the kernel moves it with the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boot(u64);

impl Boot {
    /// # Errors
    /// Where `/proc` is not mounted.
    pub(super) fn read() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
        seconds.map(|seconds| Self(seconds * 1_000_000_000)).ok_or_else(|| io::Error::other("no btime in /proc/stat"))
    }

    /// The process that has this id now.
    pub(super) fn process(self, pid: u32) -> Option<Process> {
        let ticks = started(&fs::read(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Process { pid, started: self.0.saturating_add(ticks.saturating_mul(1_000_000_000 / TICKS)) })
    }
}

/// What runs in this process: the executable, by path, inode and time of change, and when the process started.
pub(super) fn epoch(process: Process) -> Arc<str> {
    let exe = format!("/proc/{}/exe", process.pid);
    let path = fs::read_link(&exe).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let from = path.ceil_char_boundary(path.len().saturating_sub(MAX_PATH));
    let path = path.get(from..).unwrap_or_default();
    let file = fs::metadata(&exe).map(|file| format!("{:x}.{:x}", file.ino(), file.mtime())).unwrap_or_default();
    format!("{path} {file} {}", process.started).into()
}

/// The ids of all processes.
pub(super) fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The processes that this one started, where the kernel says so (CONFIG_PROC_CHILDREN).
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Calls `each` with the inode of every socket the process holds, until it returns false.
///
/// # Errors
/// When the process is gone, or belongs to somebody else.
pub(super) fn each_socket(pid: u32, mut each: impl FnMut(u64) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        if inode.is_some_and(|inode| !each(inode)) {
            break;
        }
    }
    Ok(())
}

/// Field 22 of `/proc/PID/stat`: when it started, in ticks since the machine did. The name before it may hold anything,
/// brackets and spaces too.
fn started(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(after_name + 1..)?).ok()?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn a_name_with_brackets_is_no_hindrance() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        for name in ["cat", "a b", ") S 9 9", "((", ""] {
            assert_eq!(started(format!("77 ({name}) {rest}").as_bytes()), Some(4242), "{name}");
        }
        for broken in
            ["", "77", "77 (cat", "77 (cat) S 1 2", "77 (cat) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"]
        {
            assert_eq!(started(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_who_it_is() {
        let boot = Boot::read().unwrap();
        let me = boot.process(std::process::id()).unwrap();
        assert_eq!(boot.process(std::process::id()), Some(me), "it does not change");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        // The kernel gives the machine's start in whole seconds.
        assert!(me.started < now + 2_000_000_000 && now - me.started.min(now) < 86_400_000_000_000, "{me:?}");
        let epoch = epoch(me);
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(epoch.contains(&name) && epoch.len() <= 255, "{epoch}");
        assert!(all().contains(&me.pid) && boot.process(u32::MAX).is_none());
    }

    #[test]
    fn children_and_their_sockets_are_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        let mut mine = Vec::new();
        each_socket(std::process::id(), |inode| {
            mine.push(inode);
            true
        })
        .unwrap();
        assert!(!mine.is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(each_socket(child.id(), |_| true).is_err(), "it is gone");
        drop(listener);
    }
}
