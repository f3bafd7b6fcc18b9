//! Which processes the probe watches, and what their services are called.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::glob::Glob;

/// What `workload` needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkloadConfig {
    /// Processes that one of these describes are watched; none where there is none.
    pub targets: Vec<Selector>,
    /// What services are called: the first rule that describes a process names it, and the default where none does.
    pub names: Vec<NameRule>,
    /// Processes of this machine that listen at one of these are never watched: where spans are sent to.
    pub excluded: Vec<SocketAddr>,
}

/// What describes processes: `all`, or `KIND:VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `all`: every process.
    All,
    /// `pid:4711`
    Pid(u32),
    /// `exe:*/gunicorn`: the path of the executable, or its last part where the pattern has no slash.
    Executable(Glob),
    /// `command:*gunicorn*shop*`: the command line, its words joined by one space.
    Command(Glob),
    /// `port:8080`: a TCP port that the process listens at.
    Port(u16),
    /// `cgroup:/kubepods*`: the path of its control group.
    Cgroup(Glob),
    /// `unit:shop*.service`: the systemd unit.
    Unit(Glob),
    /// `container:4f1c*`: the id of its container.
    Container(Glob),
}

/// A name for services, where all of several descriptions fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRule {
    /// All of them have to fit.
    pub when: Vec<Selector>,
    /// The name.
    pub name: NameTemplate,
}

/// A name with parts that are filled in: `shop`, `{unit}`, `{script}-{port}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate(Vec<NamePart>);

/// A part of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePart {
    /// Stands for itself.
    Text(String),
    /// Is filled in.
    Field(NameField),
}

/// What can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameField {
    /// `{exe}`: the last part of the executable's path.
    Executable,
    /// `{script}`: what an interpreter runs.
    Script,
    /// `{unit}`: the systemd unit, without `.service`.
    Unit,
    /// `{port}`: the lowest port it listens at.
    Port,
    /// `{container}`: the first twelve characters of its container's id.
    Container,
    /// `{pod}`: the UID of its pod.
    Pod,
    /// `{default}`: what it is called without any rule.
    Default,
}

/// A longer pattern describes nothing.
const LONGEST: usize = 4096;

/// Every key and what it makes of a value. `all` and the numbers are read apart.
type Make = fn(Glob) -> Selector;
const GLOBS: [(&str, Make); 5] = [
    ("exe", Selector::Executable),
    ("command", Selector::Command),
    ("cgroup", Selector::Cgroup),
    ("unit", Selector::Unit),
    ("container", Selector::Container),
];

/// Every field by its name.
const FIELDS: [(&str, NameField); 7] = [
    ("exe", NameField::Executable),
    ("script", NameField::Script),
    ("unit", NameField::Unit),
    ("port", NameField::Port),
    ("container", NameField::Container),
    ("pod", NameField::Pod),
    ("default", NameField::Default),
];

/// Every kind, as it is written.
pub(crate) const KINDS: [&str; 8] = ["all", "pid", "port", "exe", "command", "cgroup", "unit", "container"];

const EXPECTED: &str = "write all, or KIND:VALUE with pid, port, exe, command, cgroup, unit or container; for example port:8080 or exe:*/python3*";

impl FromStr for Selector {
    type Err = String;

    /// # Errors
    /// A sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let (key, value) = text.split_once(':').ok_or(EXPECTED)?;
        let (key, value) = (key.trim(), value.trim());
        match key {
            _ if value.is_empty() => Err(EXPECTED.to_owned()),
            "pid" => number(value).map(Self::Pid).ok_or_else(|| "write a process id, for example pid:4711".to_owned()),
            "port" => {
                let port = number(value).and_then(|port| u16::try_from(port).ok());
                port.map(Self::Port).ok_or_else(|| "write a port from 1 to 65535, for example port:8080".to_owned())
            }
            _ if value.len() > LONGEST || value.chars().any(char::is_control) => {
                Err(format!("write a pattern of at most {LONGEST} bytes without control characters"))
            }
            "cgroup" if !value.starts_with(['/', '*']) => {
                Err("write a path as in /proc/PID/cgroup, for example cgroup:/system.slice/shop.service".to_owned())
            }
            _ => {
                let make = GLOBS.iter().find(|(known, _)| *known == key).map(|(_, make)| make);
                Ok(make.ok_or(EXPECTED)?(Glob::new(value)))
            }
        }
    }
}

/// A whole number above 0.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// As it is read.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Pid(pid) => write!(f, "pid:{pid}"),
            Self::Executable(glob) => write!(f, "exe:{glob}"),
            Self::Command(glob) => write!(f, "command:{glob}"),
            Self::Port(port) => write!(f, "port:{port}"),
            Self::Cgroup(glob) => write!(f, "cgroup:{glob}"),
            Self::Unit(glob) => write!(f, "unit:{glob}"),
            Self::Container(glob) => write!(f, "container:{glob}"),
        }
    }
}

impl NameTemplate {
    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[NamePart] {
        &self.0
    }
}

impl FromStr for NameTemplate {
    type Err = String;

    /// # Errors
    /// A sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a name is missing; for example shop, or {script}-{port}".to_owned());
        }
        let (mut parts, mut rest) = (Vec::new(), text.trim());
        while let Some((before, after)) = rest.split_once('{') {
            let (field, behind) = after.split_once('}').ok_or_else(|| format!("a }} is missing after {{{after}"))?;
            let known = FIELDS.iter().find(|(name, _)| *name == field).map(|(_, field)| *field).ok_or_else(|| {
                let known: Vec<String> = FIELDS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
                format!("{{{field}}} is not known; expected {}", known.join(", "))
            })?;
            parts.extend((!before.is_empty()).then(|| NamePart::Text(before.to_owned())));
            parts.push(NamePart::Field(known));
            rest = behind;
        }
        parts.extend((!rest.is_empty()).then(|| NamePart::Text(rest.to_owned())));
        Ok(Self(parts))
    }
}

/// As it is read.
impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            NamePart::Text(text) => f.write_str(text),
            NamePart::Field(field) => {
                let name = FIELDS.iter().find(|(_, known)| known == field).map_or("", |(name, _)| name);
                write!(f, "{{{name}}}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn what_is_read_is_shown_the_same() {
        let rows = ["all", "pid:1", "exe:*/java", "command:*a:b=c*", "port:65535", "cgroup:/a*", "unit:a.service"];
        for text in rows.into_iter().chain(["container:4f*"]) {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for text in ["shop", "{unit}", "a{exe}b{script}", "{pod}-{port}-{container}", "{default}", "a}b"] {
            assert_eq!(text.parse::<NameTemplate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let rows = [
            ("", "write all, or KIND:VALUE"),
            ("shop", "write all, or KIND:VALUE"),
            ("8080", "write all, or KIND:VALUE"),
            ("all:5", "write all, or KIND:VALUE"),
            ("pid:0", "write a process id"),
            ("pid:-1", "write a process id"),
            ("pid:+1", "write a process id"),
            ("pid:a", "write a process id"),
            ("pid:4294967296", "write a process id"),
            ("port:0", "1 to 65535"),
            ("port:65536", "1 to 65535"),
            ("exe:", "write all, or KIND:VALUE"),
            ("exe:a\nb", "without control characters"),
            ("cgroup:a", "a path as in /proc/PID/cgroup"),
            ("name:a", "write all, or KIND:VALUE"),
        ];
        for (text, expected) in rows {
            let problem = text.parse::<Selector>().unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
        for (text, expected) in [("", "missing"), ("  ", "missing"), ("a{exe", "} is missing"), ("{x}", "{x} is not")] {
            let problem = text.parse::<NameTemplate>().unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
