//! What the path of a control group says: container, pod and systemd unit.

use std::sync::Arc;

use crate::label;

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id, as its engine spells it: 64 hexadecimal digits mostly.
    pub id: Arc<str>,
    /// Which engine runs it, as far as the path says so.
    pub engine: Engine,
    /// The UID of its Kubernetes pod.
    pub pod: Option<Arc<str>>,
}

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// containerd, by Kubernetes' CRI.
    Containerd,
    /// CRI-O.
    Crio,
    /// Docker.
    Docker,
    /// Podman and other users of libpod.
    Podman,
    /// The path has an id and names no engine.
    Other,
}

label!(Engine {
    Containerd => "containerd",
    Crio => "cri-o",
    Docker => "docker",
    Podman => "podman",
    Other => "other",
});
