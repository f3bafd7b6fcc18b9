//! A process as selectors see it, and whether they describe it. Pure.

use crate::config::workload::Selector;
use crate::glob::Glob;

/// What selectors ask of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Its id.
    pub pid: u32,
    /// The id of the process that stands for its service.
    pub leader: u32,
    /// The path of its executable.
    pub executable: &'a str,
    /// Its command line.
    pub command: &'a str,
    /// The ports it listens at, or its leader does.
    pub ports: &'a [u16],
    /// The path of its control group.
    pub cgroup: &'a str,
    /// Its systemd unit.
    pub unit: Option<&'a str>,
    /// The id of its container.
    pub container: Option<&'a str>,
    /// The UID of its pod.
    pub pod: Option<&'a str>,
}

impl Subject<'_> {
    /// The last part of the executable's path.
    #[must_use]
    pub fn executable_name(&self) -> &str {
        self.executable.rsplit('/').next().unwrap_or(self.executable)
    }

    /// Whether this selector describes it. That of a process describes its siblings, too.
    #[must_use]
    pub fn is_described_by(&self, selector: &Selector) -> bool {
        match selector {
            Selector::All => true,
            Selector::Pid(pid) => *pid == self.pid || *pid == self.leader,
            Selector::Executable(glob) => glob.matches(self.executable) || glob.matches(self.executable_name()),
            Selector::Command(glob) => glob.matches(self.command),
            Selector::Port(port) => self.ports.contains(port),
            Selector::Cgroup(glob) => is_in(glob, self.cgroup),
            Selector::Unit(glob) => self.unit.is_some_and(|unit| {
                glob.matches(unit) || unit.strip_suffix(".service").is_some_and(|name| glob.matches(name))
            }),
            Selector::Container(glob) => self.container.is_some_and(|id| glob.matches(id)),
        }
    }

    /// Whether any of these describes it.
    #[must_use]
    pub fn is_described_by_any(&self, selectors: &[Selector]) -> bool {
        selectors.iter().any(|selector| self.is_described_by(selector))
    }
}

/// Whether the pattern describes this group, or one that it lies in.
fn is_in(glob: &Glob, path: &str) -> bool {
    let above = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    glob.matches(path) || above.filter_map(|at| path.get(..at)).any(|above| glob.matches(above))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn selectors_describe_processes() {
        let shop = Subject {
            pid: 12,
            leader: 10,
            executable: "/usr/bin/python3.11",
            command: "python3 /venv/bin/gunicorn shop:app",
            ports: &[8080, 9090],
            cgroup: "/system.slice/shop.service/workers",
            unit: Some("shop.service"),
            container: Some("4f1c0a"),
            pod: None,
        };
        let rows = [
            ("all", true, "anything"),
            ("pid:12", true, "the process"),
            ("pid:10", true, "a sibling of the process"),
            ("pid:1", false, "another process"),
            ("exe:/usr/bin/python3*", true, "the whole path"),
            ("exe:*/python3.11", true, "the whole path, from its end"),
            ("exe:python3.11", true, "the last part"),
            ("exe:python3", false, "the beginning of the last part"),
            ("command:*gunicorn*shop*", true, "the command line"),
            ("command:gunicorn", false, "a part of the command line"),
            ("port:9090", true, "a port"),
            ("port:80", false, "another port"),
            ("cgroup:/system.slice/shop.service/workers", true, "the group"),
            ("cgroup:/system.slice/shop.service", true, "a group above"),
            ("cgroup:/system.slice", true, "one further above"),
            ("cgroup:/system.slice/shop", false, "the beginning of a name"),
            ("cgroup:/user.slice*", false, "another group"),
            ("unit:shop.service", true, "the unit"),
            ("unit:shop", true, "the unit, in short"),
            ("unit:sh*", true, "a pattern"),
            ("unit:cart", false, "another unit"),
            ("container:4f1c*", true, "the container"),
            ("container:4f1c", false, "the beginning of its id needs a star"),
        ];
        for (selector, expected, reason) in rows {
            assert_eq!(shop.is_described_by(&selector.parse().unwrap()), expected, "{selector}: {reason}");
        }
        let nobody = Subject { unit: None, container: None, ports: &[], cgroup: "", ..shop };
        for selector in ["unit:*", "container:*", "port:80"] {
            assert!(!nobody.is_described_by(&selector.parse().unwrap()), "{selector}");
        }
        assert!(!shop.is_described_by_any(&[]), "no targets, no watching");
    }
}
