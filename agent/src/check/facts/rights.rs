//! What this process may: capabilities, limits, namespaces, filters. From `/proc/self`.

use std::fs;

/// A capability by its number (include/uapi/linux/capability.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Its number.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
}

/// Filters of system calls that this process is under (`Seccomp` of `/proc/self/status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seccomp {
    /// None.
    Off,
    /// Some, as container engines set by default.
    Filtered,
}

/// What this process may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Capabilities in force.
    pub effective: u64,
    /// Those that could be put in force.
    pub permitted: u64,
    /// Those that a program started from here could get.
    pub bounding: u64,
    /// Whether programs started from here can gain none (`no_new_privs`).
    pub no_new_privileges: bool,
    /// Filters of system calls.
    pub seccomp: Seccomp,
    /// Memory that may be locked, in bytes; `None` for any amount.
    pub memlock: Option<u64>,
    /// Whether it sees the process ids of the machine, not those of a container.
    pub sees_all_processes: bool,
    /// Whether it is in the machine's own user namespace: capabilities of another one count little.
    pub is_in_first_user_namespace: bool,
}

impl Capability {
    /// Loads programs, makes maps (Linux 5.8).
    pub const BPF: Self = Self { number: 39, name: "CAP_BPF" };
    /// Attaches them to tracepoints, reads kernel memory from them (Linux 5.8).
    pub const PERFMON: Self = Self { number: 38, name: "CAP_PERFMON" };
    /// Reads files that belong to others; with the next one, which sockets their processes hold.
    pub const DAC_READ_SEARCH: Self = Self { number: 2, name: "CAP_DAC_READ_SEARCH" };
    /// Looks at other users' processes.
    pub const SYS_PTRACE: Self = Self { number: 19, name: "CAP_SYS_PTRACE" };
    /// Stands in for the two of Linux 5.8, and lists others' programs.
    pub const SYS_ADMIN: Self = Self { number: 21, name: "CAP_SYS_ADMIN" };
    /// Raises limits.
    pub const SYS_RESOURCE: Self = Self { number: 24, name: "CAP_SYS_RESOURCE" };

    /// Whether a set of capabilities has it.
    #[must_use]
    pub const fn is_in(self, set: u64) -> bool {
        set & (1 << self.number) != 0
    }
}

/// Inode numbers of the first namespaces (include/uapi/linux/nsfs.h, include/linux/proc_ns.h).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

impl Rights {
    pub(super) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let is_namespace = |file: &str, first: &str| fs::read_link(file).is_ok_and(|link| link.as_os_str() == first);
        Self {
            memlock: memlock(&limits),
            sees_all_processes: is_namespace("/proc/self/ns/pid", FIRST_PID_NAMESPACE),
            is_in_first_user_namespace: is_namespace("/proc/self/ns/user", FIRST_USER_NAMESPACE),
            ..Self::parse(&status)
        }
    }

    /// `/proc/self/status`.
    fn parse(status: &str) -> Self {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let set = |name: &str| field(name).and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
        let number = |name: &str| field(name).and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(0);
        Self {
            effective: set("CapEff"),
            permitted: set("CapPrm"),
            bounding: set("CapBnd"),
            no_new_privileges: number("NoNewPrivs") == 1,
            seccomp: if number("Seccomp") == 2 { Seccomp::Filtered } else { Seccomp::Off },
            memlock: None,
            sees_all_processes: true,
            is_in_first_user_namespace: true,
        }
    }

    /// Whether a capability is in force.
    #[must_use]
    pub const fn has(&self, capability: Capability) -> bool {
        capability.is_in(self.effective)
    }

    /// Whether programs can be loaded and attached.
    #[must_use]
    pub const fn may_load(&self) -> bool {
        self.has(Capability::SYS_ADMIN) || self.has(Capability::BPF) && self.has(Capability::PERFMON)
    }
}

/// The soft limit of `Max locked memory`.
fn memlock(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process_is_read() {
        let status = "Name:\tcheck\nUid:\t0\t0\t0\t0\nCapInh:\t0000000000000000\nCapPrm:\t000000c000080000\n\
                      CapEff:\t0000008000080000\nCapBnd:\t000000c000080000\nNoNewPrivs:\t1\nSeccomp:\t2\n\
                      Seccomp_filters:\t1\n";
        let rights = Rights::parse(status);
        assert!(rights.no_new_privileges);
        assert_eq!(rights.seccomp, Seccomp::Filtered);
        assert!(rights.has(Capability::BPF) && rights.has(Capability::SYS_PTRACE));
        assert!(!rights.has(Capability::PERFMON) && Capability::PERFMON.is_in(rights.permitted), "could be raised");
        assert!(!rights.may_load());
        assert_eq!(Rights::parse("Name:\tcheck\n").effective, 0, "what is missing is not had");
    }

    #[test]
    fn the_limit_of_locked_memory_is_read() {
        let rows = [
            ("Max locked memory         8388608              8388608              bytes", Some(8_388_608), "a number"),
            ("Max locked memory         unlimited            unlimited            bytes", None, "no limit"),
            ("", None, "not said"),
        ];
        for (line, expected, reason) in rows {
            let limits = format!("Limit  Soft Limit  Hard Limit  Units\n{line}\nMax processes 1 1 processes");
            assert_eq!(memlock(&limits), expected, "{reason}");
        }
    }
}
