//! What is told of connections, and who is found to hold them, as values.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use crate::gap::observation::Process;
use crate::label;
use crate::trace::counts::{ByLabel, Gauge};

/// What proxies tell of connections.
#[derive(Debug)]
pub enum Message {
    /// A client connected.
    Opened {
        /// The connection's number.
        number: u32,
        /// Whether it is still open.
        watch: Weak<()>,
        /// The client's address.
        peer: SocketAddr,
        /// The address it connected to.
        local: SocketAddr,
    },
    /// The egress listener of a service connected to `callee` from `local`.
    Called {
        /// The place of the service in the list.
        service: usize,
        /// The address it connected from.
        local: SocketAddr,
        /// The address it connected to.
        callee: SocketAddr,
    },
}

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its address.
    pub address: SocketAddr,
    /// The address it connected to.
    pub local: SocketAddr,
    /// Who holds its socket, or has its address.
    pub owner: Owner,
}

/// Who holds a socket, or has an address. Numbers are places of services in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Nobody who is known.
    Unknown,
    /// A process of this service.
    Process {
        /// The service.
        service: usize,
        /// The process.
        process: Process,
        /// What runs as that service.
        epoch: Option<Arc<str>>,
    },
    /// The egress listener of this service, in this process.
    Egress {
        /// The service.
        service: usize,
    },
    /// The address is this service's alone.
    Address {
        /// The service.
        service: usize,
    },
    /// Address or process stand for several services.
    Several,
}

/// How connections were resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// To a process.
    Process,
    /// By its address.
    Address,
    /// To several services.
    Several,
    /// To nobody, or to an egress listener.
    Unknown,
}

label!(Outcome { Process => "socket", Address => "address", Several => "several", Unknown => "unknown" });

/// What the resolver counts.
#[derive(Debug, Default)]
pub struct CallerCounts {
    /// Connections, by outcome.
    pub resolved: ByLabel<Outcome>,
    /// Connections that are remembered now.
    pub open: Gauge,
}
