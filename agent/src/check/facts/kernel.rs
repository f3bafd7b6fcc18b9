//! The kernel: its release, its types, its lockdown, its settings. From `/proc` and `/sys`.

use std::fs;
use std::io::Read;

/// Major and minor number of a kernel release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32);

/// The kernel's own types, which the probe finds its way by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Btf {
    /// There, and of the form that is known.
    Readable {
        /// Its size.
        bytes: u64,
    },
    /// There is none.
    Absent,
    /// It is there, and cannot be used.
    Unreadable(String),
}

/// How far the kernel protects itself from its administrator (`kernel_lockdown(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockdown {
    /// Not at all, or not built in.
    None,
    /// Nothing writes into it.
    Integrity,
    /// Nothing reads it either.
    Confidentiality,
    /// The file that says it is not mounted.
    Unknown,
}

/// The kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// As it names itself.
    pub name: String,
    /// The number in it.
    pub release: Option<Release>,
    /// The architecture, as Rust names it.
    pub architecture: &'static str,
    /// Its types.
    pub btf: Btf,
    /// Its lockdown.
    pub lockdown: Lockdown,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Option<i64>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Option<i64>,
    /// `kernel.kptr_restrict`.
    pub kptr_restrict: Option<i64>,
    /// `net.core.bpf_jit_enable`.
    pub bpf_jit_enable: Option<i64>,
}

/// The first two bytes of BTF, in the machine's own byte order (include/uapi/linux/btf.h).
const BTF_MAGIC: u16 = 0xeb9f;

impl Kernel {
    pub(super) fn read() -> Self {
        let name = text("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            release: Release::parse(&name),
            name,
            architecture: std::env::consts::ARCH,
            btf: Btf::read("/sys/kernel/btf/vmlinux"),
            lockdown: text("/sys/kernel/security/lockdown").map_or(Lockdown::Unknown, |text| Lockdown::parse(&text)),
            perf_event_paranoid: number("/proc/sys/kernel/perf_event_paranoid"),
            unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
            kptr_restrict: number("/proc/sys/kernel/kptr_restrict"),
            bpf_jit_enable: number("/proc/sys/net/core/bpf_jit_enable"),
        }
    }
}

impl Release {
    /// The first two numbers of `6.1.0-18-cloud-amd64` and the like.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (major, rest) = name.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl Btf {
    fn read(path: &str) -> Self {
        let opened = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::Absent,
            Err(error) => return Self::Unreadable(error.to_string()),
        };
        let bytes = opened.metadata().map_or(0, |metadata| metadata.len());
        let mut head = [0; 2];
        match (&opened).read_exact(&mut head) {
            Err(error) => Self::Unreadable(error.to_string()),
            Ok(()) if u16::from_ne_bytes(head) == BTF_MAGIC => Self::Readable { bytes },
            Ok(()) => Self::Unreadable("it does not begin as BTF does".to_owned()),
        }
    }
}

impl Lockdown {
    /// The word in brackets of `none [integrity] confidentiality`.
    fn parse(text: &str) -> Self {
        let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word);
        match chosen {
            Some("none") => Self::None,
            Some("integrity") => Self::Integrity,
            Some("confidentiality") => Self::Confidentiality,
            _ => Self::Unknown,
        }
    }
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn number(path: &str) -> Option<i64> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn releases_are_two_numbers() {
        let rows = [
            ("6.18.44-fc-v657", Some(Release(6, 18)), "a build of one's own"),
            ("5.10.0-33-cloud-amd64", Some(Release(5, 10)), "Debian"),
            ("6.8.0-1021-aws", Some(Release(6, 8)), "Ubuntu"),
            ("5.14", Some(Release(5, 14)), "nothing after it"),
            ("7.0-rc1", Some(Release(7, 0)), "before its release"),
            ("6", None, "no minor number"),
            ("", None, "nothing"),
            ("six.one", None, "no numbers"),
        ];
        for (name, expected, reason) in rows {
            assert_eq!(Release::parse(name), expected, "{reason}");
        }
        assert!(Release(5, 8) < Release(5, 10) && Release(5, 15) < Release(6, 0), "not compared as text");
    }

    #[test]
    fn lockdown_is_the_word_in_brackets() {
        for (text, expected, reason) in [
            ("[none] integrity confidentiality", Lockdown::None, "off"),
            ("none [integrity] confidentiality", Lockdown::Integrity, "as with secure boot"),
            ("none integrity [confidentiality]", Lockdown::Confidentiality, "the strictest"),
            ("none integrity", Lockdown::Unknown, "nothing is chosen"),
            ("[something]", Lockdown::Unknown, "a level to come"),
        ] {
            assert_eq!(Lockdown::parse(text), expected, "{reason}");
        }
    }

    #[test]
    fn types_are_known_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmlinux");
        let name = path.to_str().unwrap();
        assert_eq!(Btf::read(name), Btf::Absent);
        fs::write(&path, [&BTF_MAGIC.to_ne_bytes()[..], &[1, 0, 24]].concat()).unwrap();
        assert_eq!(Btf::read(name), Btf::Readable { bytes: 5 });
        fs::write(&path, "no").unwrap();
        assert!(matches!(Btf::read(name), Btf::Unreadable(_)), "something else");
        fs::write(&path, "").unwrap();
        assert!(matches!(Btf::read(name), Btf::Unreadable(_)), "empty");
    }
}
