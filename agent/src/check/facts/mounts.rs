//! What is mounted where, as far as the probe cares: tracefs, cgroups, `/proc`. From `/proc/self/mountinfo`.

use std::fs;

/// Where tracepoints have their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracefs {
    /// Mounted, and the number of a system call's tracepoint can be read.
    Readable(String),
    /// Mounted, and it cannot be read.
    Unreadable {
        /// Where.
        place: String,
        /// What the operating system says.
        cause: String,
    },
    /// Not mounted.
    Absent,
}

/// How control groups are set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupMode {
    /// One tree for all controllers.
    V2,
    /// Version 1, and a tree of version 2 without controllers beside it.
    Hybrid,
    /// Version 1 alone.
    V1,
    /// None is mounted.
    None,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounts {
    /// tracefs.
    pub tracefs: Tracefs,
    /// Control groups.
    pub cgroups: CgroupMode,
    /// Whether `/proc` shows a user only the processes of that user (`hidepid`).
    pub hides_processes: bool,
}

/// A tracepoint that the probe uses, below the folder of tracefs.
const TRACEPOINT: &str = "events/syscalls/sys_exit_read/id";

/// One line of the list.
struct Mount<'a> {
    place: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl Mounts {
    pub(super) fn read() -> Self {
        let list = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self::parse(&list, |file| fs::read_to_string(file).map(drop))
    }

    /// The list, and a way to try whether a file can be read.
    fn parse(list: &str, readable: impl Fn(&str) -> std::io::Result<()>) -> Self {
        let mounts: Vec<Mount<'_>> = list.lines().filter_map(mount).collect();
        let count = |kind: &str| mounts.iter().filter(|mount| mount.kind == kind).count();
        let cgroups = match (count("cgroup"), count("cgroup2")) {
            (0, 0) => CgroupMode::None,
            (0, _) => CgroupMode::V2,
            (_, 0) => CgroupMode::V1,
            (_, _) => CgroupMode::Hybrid,
        };
        let hides = |mount: &&Mount<'_>| {
            mount.options.split(',').filter_map(|option| option.strip_prefix("hidepid=")).any(|level| level != "0")
        };
        let hides_processes = mounts.iter().rfind(|mount| mount.place == "/proc").filter(hides).is_some();
        Self { tracefs: tracefs(&mounts, readable), cgroups, hides_processes }
    }
}

fn tracefs(mounts: &[Mount<'_>], readable: impl Fn(&str) -> std::io::Result<()>) -> Tracefs {
    let mut found = Tracefs::Absent;
    let places = mounts.iter().filter(|mount| mount.kind == "tracefs").map(|mount| mount.place.to_owned());
    // Before it has been asked for, the place within debugfs is there and not in the list.
    let debugfs = mounts.iter().filter(|mount| mount.kind == "debugfs").map(|mount| format!("{}/tracing", mount.place));
    for place in places.chain(debugfs) {
        match readable(&format!("{place}/{TRACEPOINT}")) {
            Ok(()) => return Tracefs::Readable(place),
            Err(error) => found = Tracefs::Unreadable { place, cause: error.to_string() },
        }
    }
    found
}

/// `36 35 98:0 /root /place options optional.. - kind source superblock-options` (proc(5)).
fn mount(line: &str) -> Option<Mount<'_>> {
    let (before, after) = line.split_once(" - ")?;
    let mut after = after.split(' ');
    let kind = after.next()?;
    Some(Mount { place: before.split(' ').nth(4)?, kind, options: after.nth(1).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    const PROC: &str = "22 27 0:21 / /proc rw,relatime - proc proc rw";
    const TRACING: &str = "24 27 0:12 / /sys/kernel/tracing ro,nosuid shared:9 - tracefs tracefs rw";
    const DEBUG: &str = "25 27 0:7 / /sys/kernel/debug rw - debugfs debugfs rw";

    fn read(lines: &[&str], readable: &str) -> Mounts {
        Mounts::parse(&lines.join("\n"), |file| match file.strip_prefix(readable) {
            Some(rest) if !readable.is_empty() && rest.starts_with("/events") => Ok(()),
            _ => Err(Error::from(ErrorKind::PermissionDenied)),
        })
    }

    #[test]
    fn control_groups_are_told_by_what_is_mounted() {
        let one = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
        let two = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
        for (lines, expected, reason) in [
            (&[PROC][..], CgroupMode::None, "none"),
            (&[PROC, one], CgroupMode::V1, "version 1 alone"),
            (&[PROC, one, two], CgroupMode::Hybrid, "both"),
            (&[PROC, two], CgroupMode::V2, "version 2 alone"),
        ] {
            assert_eq!(read(lines, "").cgroups, expected, "{reason}");
        }
    }

    #[test]
    fn tracefs_has_two_places() {
        let place = |text: &str| text.to_owned();
        let unreadable = |at: &str| Tracefs::Unreadable { place: place(at), cause: "permission denied".to_owned() };
        let rows = [
            (&[PROC][..], "", Tracefs::Absent, "not mounted"),
            (&[TRACING], "/sys/kernel/tracing", Tracefs::Readable(place("/sys/kernel/tracing")), "its own place"),
            (&[DEBUG], "/sys/kernel/debug/tracing", Tracefs::Readable(place("/sys/kernel/debug/tracing")), "debugfs"),
            (&[TRACING], "", unreadable("/sys/kernel/tracing"), "for root alone"),
        ];
        for (lines, readable, expected, reason) in rows {
            assert_eq!(read(lines, readable).tracefs, expected, "{reason}");
        }
    }

    #[test]
    fn processes_may_be_hidden() {
        let hidden = "22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible";
        let shown = "22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=0";
        assert!(read(&[hidden], "").hides_processes);
        assert!(!read(&[hidden, shown], "").hides_processes, "the last mount is the one that is seen");
        assert!(!read(&[PROC], "").hides_processes && !read(&["", "broken line"], "").hides_processes);
    }
}
