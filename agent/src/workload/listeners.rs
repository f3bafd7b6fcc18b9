//! Who listens on an address.

use std::net::{IpAddr, SocketAddr};

use super::process::Proc;
use super::sockets;

/// Bytes of a name.
const NAME: usize = 64;

/// A process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its id; of several that share the socket, the lowest.
    pub pid: u32,
    /// Its name, as the kernel has it: 15 bytes at most.
    pub name: String,
}

/// The processes that listen where a socket on `address` would get connections too. Those of other users are found
/// only by who may look at them.
#[must_use]
pub fn listeners_on(address: SocketAddr) -> Vec<Listener> {
    let sockets: Vec<_> = sockets::listeners().into_iter().filter(|socket| overlap(socket.local, address)).collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    // Where /proc is not to be had, nobody has a name.
    let Ok(proc) = Proc::system() else { return Vec::new() };
    let mut pids = proc.all().unwrap_or_default();
    pids.sort_unstable();
    let mut found: Vec<Listener> = Vec::new();
    for pid in pids {
        let mut held = Vec::new();
        // A process that is gone, or somebody else's, holds nothing that could be named.
        let _ = proc.each_socket(pid, |inode| {
            held.extend(sockets.iter().find(|socket| socket.inode == inode).map(|socket| socket.local));
            true
        });
        for address in held {
            if !found.iter().any(|listener| listener.address == address) {
                found.push(Listener { address, pid, name: name(&proc, pid) });
            }
        }
    }
    found
}

/// Whether two sockets cannot both have these addresses to themselves.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    // The unspecified address of version 6 stands for those of version 4 too, unless told otherwise.
    let covers = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    one.port() == other.port() && (a == b || covers(a, b) || covers(b, a))
}

fn name(proc: &Proc, pid: u32) -> String {
    let name = proc.read(pid, "comm", NAME).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn addresses_overlap_as_binding_says() {
        for (one, other, expected, reason) in [
            ("127.0.0.1:80", "127.0.0.1:80", true, "the same"),
            ("127.0.0.1:80", "127.0.0.1:81", false, "another port"),
            ("127.0.0.1:80", "127.0.0.2:80", false, "another address"),
            ("0.0.0.0:80", "127.0.0.1:80", true, "all of version 4"),
            ("[::]:80", "127.0.0.1:80", true, "all of both"),
            ("0.0.0.0:80", "[::1]:80", false, "all of version 4 has none of version 6"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true, "mapped"),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((overlap(one, other), overlap(other, one)), (expected, expected), "{reason}");
        }
    }

    #[test]
    fn this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = listeners_on(address);
        assert!(matches!(&*found, [one] if one.pid == std::process::id() && !one.name.is_empty()), "{found:?}");
        drop(listener);
        assert!(listeners_on(address).is_empty());
    }
}
