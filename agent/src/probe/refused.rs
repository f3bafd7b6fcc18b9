//! Why the kernel programs cannot run here. Each says what to do.

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
    /// Not permitted.
    #[error("{0}: not permitted; the probe needs the capabilities CAP_BPF and CAP_PERFMON, or root")]
    NotPermitted(String),
    /// Maps or programs could not be made.
    #[error("{0}")]
    Kernel(String),
}

impl Refused {
    /// Whether more rights would help.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::NotPermitted(_) | Self::Namespace)
    }
}
