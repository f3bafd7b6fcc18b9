//! The addresses that the configuration listens on: free, or in use by whom.
//!
//! Tried by binding, without listening, as the agent itself does at its start.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::config::Config;
use crate::workload::{Listener, listeners_on};

/// How it stands with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortState {
    /// It can be had.
    Free,
    /// Another process listens there.
    Taken(Option<Listener>),
    /// It cannot be had for another reason.
    Refused {
        /// The kind of reason.
        kind: io::ErrorKind,
        /// In the operating system's words.
        cause: String,
    },
}

/// An address, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFact {
    /// `the proxy before "shop"` and the like.
    pub purpose: String,
    /// The address.
    pub address: SocketAddr,
    /// How it stands.
    pub state: PortState,
}

/// Looks at each.
pub(super) fn look(config: &Config) -> Vec<PortFact> {
    wanted(config).into_iter().map(|(purpose, address)| PortFact { purpose, address, state: state(address) }).collect()
}

fn wanted(config: &Config) -> Vec<(String, SocketAddr)> {
    let mut wanted = Vec::new();
    for proxy in &config.proxies {
        wanted.push((format!("proxy before {}", proxy.service), proxy.listen));
        let egress = proxy.egress.iter();
        wanted.extend(egress.map(|egress| (format!("egress of {}", proxy.service), egress.listen)));
    }
    wanted.extend(config.admin.iter().map(|admin| ("admin".to_owned(), admin.listen)));
    wanted
}

fn state(address: SocketAddr) -> PortState {
    match bind(address) {
        Ok(()) => PortState::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            PortState::Taken(listeners_on(address).into_iter().next())
        }
        Err(error) => PortState::Refused { kind: error.kind(), cause: error.to_string() },
    }
}

fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn an_address_is_free_taken_or_refused() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = state(address);
        assert!(matches!(&taken, PortState::Taken(Some(by)) if by.pid == std::process::id()), "{taken:?}");
        drop(listener);
        assert_eq!(state(address), PortState::Free);
        // TEST-NET-1 (RFC 5737) is no machine's.
        let elsewhere = state("192.0.2.1:8080".parse().unwrap());
        assert!(matches!(elsewhere, PortState::Refused { kind: io::ErrorKind::AddrNotAvailable, .. }), "{elsewhere:?}");
    }
}
