//! Starts and stops one agent: the only module that knows all others.

use std::net::SocketAddr;

use crate::config::Config;
use crate::trace::counts::Sample;

/// A running agent.
pub struct Running {
    addrs: Addrs,
}

/// What the agent is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addrs {
    /// One for each proxy, in the configuration's order.
    pub proxies: Vec<SocketAddr>,
    /// Health and metrics.
    pub admin: Option<SocketAddr>,
}

/// Binds everything, then starts everything. Nothing is left running on an error.
///
/// # Errors
/// A port in use, a file that cannot be read, a setting that cannot be used.
pub fn start(_config: Config) -> anyhow::Result<Running> {
    anyhow::bail!("not here yet")
}

impl Running {
    /// What it is bound to.
    pub fn addrs(&self) -> &Addrs {
        &self.addrs
    }

    /// Every counter of the agent.
    pub fn samples(&self) -> Vec<Sample> {
        Vec::new()
    }

    /// Stops: readiness, delay, listeners, drain, flush, admin.
    pub async fn stop(self) {}
}
