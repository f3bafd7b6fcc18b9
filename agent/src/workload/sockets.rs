//! The TCP sockets of a network namespace: from the kernel's tables, `/proc/net/tcp` and `tcp6`, or as it answers.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::diag;

const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// The state of a socket that listens.
const LISTEN: &str = "0A";

/// Sockets that listen, of one table or answer, that are looked at.
const MAX_LISTENING: usize = 50_000;

/// One socket. Addresses of version 4 stand as such, mapped or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) listens: bool,
    /// 0 for a socket that no process holds any more.
    pub(super) inode: u64,
}

/// Every TCP socket of this network namespace. A table that is missing, as where version 6 is switched off, has none.
pub(super) fn all() -> Vec<Socket> {
    all_in(TABLES).collect()
}

/// Every TCP socket of these tables of one network namespace.
pub(super) fn all_in<P: AsRef<Path>>(tables: impl IntoIterator<Item = P>) -> impl Iterator<Item = Socket> {
    let files = tables.into_iter().filter_map(|table| File::open(table).ok());
    files.flat_map(|file| BufReader::new(file).lines().map_while(Result::ok).filter_map(|line| parse(&line)))
}

/// The sockets of this network namespace that listen. From the tables they take milliseconds where no or few sockets of
/// version 6 are connected, because the kernel then looks for such through all there is room for.
pub(super) fn listeners() -> Vec<Socket> {
    diag::listeners(MAX_LISTENING).unwrap_or_else(|_| listeners_in(TABLES).collect())
}

/// The sockets that listen, as these tables of one network namespace have them. They stand before all others
/// (`Documentation/networking/proc_net_tcp.rst`), so a machine with many connections takes no longer.
pub(super) fn listeners_in<P: AsRef<Path>>(tables: impl IntoIterator<Item = P>) -> impl Iterator<Item = Socket> {
    let files = tables.into_iter().filter_map(|table| File::open(table).ok());
    // The first line is the heading.
    let lines = |file| BufReader::new(file).lines().skip(1).map_while(Result::ok).take(MAX_LISTENING);
    files.flat_map(move |file| lines(file).map_while(|line| parse(&line).filter(|socket| socket.listens)))
}

/// An address with its mapped form undone, so that both ends of a connection compare.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// One line; the heading gives nothing.
fn parse(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let listens = fields.next()? == LISTEN;
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket { local, remote, listens, inode })
}

/// Words of the machine's own byte order in hexadecimal, a colon, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |from: usize| Some(u32::from_str_radix(address.get(from..from + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (place, from) in bytes.chunks_exact_mut(4).zip([0, 8, 16, 24]) {
                place.copy_from_slice(&word(from)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn lines_of_the_tables_are_read() {
        let expected = |local: &str, remote: &str, listens, inode| {
            Some(Socket { local: local.parse().unwrap(), remote: remote.parse().unwrap(), listens, inode })
        };
        let four = "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1";
        let mapped = "   0: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 \
                      00:00000000 00000000     0        0 6789 1 0";
        if cfg!(target_endian = "little") {
            assert_eq!(parse(four), expected("127.0.0.1:8080", "0.0.0.0:0", true, 12345));
            assert_eq!(parse(mapped), expected("127.0.0.1:54321", "127.0.0.1:8080", false, 6789));
        }
        for broken in
            ["", "  sl  local_address rem_address   st", "1: 0100007F 0:0", "1: 0100007G:1F90 00000000:0000 0A"]
        {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn those_that_listen_stand_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let found: Vec<_> = listeners_in(TABLES).collect();
        assert!(found.iter().all(|socket| socket.listens && socket.local != client.local_addr().unwrap()));
        let own = |sockets: &[Socket]| {
            sockets.iter().copied().find(|socket| socket.listens && socket.local == listener.local_addr().unwrap())
        };
        assert!(own(&found).is_some());
        assert_eq!(own(&found), own(&all()));
    }

    #[test]
    fn connections_of_both_versions_are_found() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let sockets = all();
            let found = sockets.iter().find(|socket| socket.local == local && socket.remote == remote).unwrap();
            assert!(found.inode != 0 && !found.listens);
            assert!(sockets.iter().any(|socket| socket.local == remote && socket.listens));
        }
    }
}
