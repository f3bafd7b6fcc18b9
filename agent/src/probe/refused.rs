//! Why the kernel programs cannot run here. Each says what to do.

use caps::{CapSet, Capability};

use super::btf::Malformed;
use super::offsets::Missing;

/// Why the kernel programs cannot run here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The kernel does not describe its structures.
    #[error(
        "/sys/kernel/btf/vmlinux cannot be read ({0}); the probe needs a kernel with BTF (CONFIG_DEBUG_INFO_BTF), and \
         /sys of the host"
    )]
    NoBtf(#[source] std::io::Error),
    /// It describes them in another way.
    #[error("/sys/kernel/btf/vmlinux {0}; this kernel is not one the probe knows")]
    OddBtf(#[from] Malformed),
    /// It has other structures.
    #[error("{0}; this kernel is not one the probe knows")]
    OddKernel(#[from] Missing),
    /// Process ids here are not the kernel's.
    #[error(
        "this process is in a pid namespace of its own; the probe needs the host's (hostPID in Kubernetes, --pid=host)"
    )]
    Namespace,
    /// Not permitted, with the capabilities that are needed.
    #[error(
        "{0}: not permitted, though CAP_BPF and CAP_PERFMON are in force; look for a filter of system calls (seccomp), \
         lockdown or a security module"
    )]
    NotPermitted(String),
    /// Capabilities are missing.
    #[error(
        "{} {} missing: {said}; add {}, or run as root",
        .missing.join(" and "), if .missing.len() == 1 { "is" } else { "are" }, them(.missing)
    )]
    Lacking {
        /// Their names.
        missing: Vec<&'static str>,
        /// What the kernel refused.
        said: String,
    },
    /// Maps or programs could not be made.
    #[error("{0}")]
    Kernel(String),
}

impl Refused {
    /// The same with the capabilities named that this thread lacks, if it lacks any that would have helped.
    pub(crate) fn with_capabilities(self) -> Self {
        let missing = missing();
        match self {
            Self::NotPermitted(said) | Self::Kernel(said) if !missing.is_empty() => Self::Lacking { missing, said },
            other => other,
        }
    }

    /// Whether more rights would help.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::NotPermitted(_) | Self::Lacking { .. } | Self::Namespace)
    }
}

/// Those of CAP_BPF and CAP_PERFMON that are not in force here. CAP_SYS_ADMIN stands for both.
fn missing() -> Vec<&'static str> {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(true);
    let needed = [(Capability::CAP_BPF, "CAP_BPF"), (Capability::CAP_PERFMON, "CAP_PERFMON")];
    let needed = needed.into_iter().filter(|_| !has(Capability::CAP_SYS_ADMIN));
    needed.filter(|(capability, _)| !has(*capability)).map(|(_, name)| name).collect()
}

fn them(missing: &[&str]) -> &'static str {
    if missing.len() == 1 { "it" } else { "them" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        for (missing, expected) in [
            (&["CAP_BPF"][..], "CAP_BPF is missing: no map; add it, or run as root"),
            (&["CAP_BPF", "CAP_PERFMON"], "CAP_BPF and CAP_PERFMON are missing: no map; add them, or run as root"),
        ] {
            let refused = Refused::Lacking { missing: missing.to_vec(), said: "no map".to_owned() };
            assert_eq!(refused.to_string(), expected);
            assert!(refused.is_permission());
        }
    }
}
