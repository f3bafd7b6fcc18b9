//! Asks the kernel for TCP sockets (netlink `sock_diag`, since 3.3): for one by its two ends, or for those that listen. As
//! quick on a host with a hundred thousand sockets as on one with ten, and needs no privilege.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use socket2::SockRef;

use super::sockets::Socket;

/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`, and with `NLM_F_DUMP`: not for one, but for all that fit.
const ONE: u16 = 1;
const ALL: u16 = ONE | 0x300;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const TCP: u8 = 6;
/// States of sockets, a bit for each: all, or `TCP_LISTEN` alone.
const ANY: u32 = u32::MAX;
const LISTENING: u32 = 1 << 10;
/// `nlmsghdr`, and with `inet_diag_req_v2`.
const HEADER: usize = 16;
const ASKED: usize = HEADER + 56;
/// What messages begin at a multiple of.
const ALIGNED: usize = 4;
/// Where in an answer, header included, its parts lie: `nlmsg_type`, `error`, `idiag_family`, `idiag_sport`,
/// `idiag_dport`, `idiag_src`, `idiag_inode`.
const TYPE_AT: usize = 4;
const ERROR_AT: usize = HEADER;
const FAMILY_AT: usize = HEADER;
const LOCAL_PORT_AT: usize = HEADER + 4;
const REMOTE_PORT_AT: usize = HEADER + 4 + 2;
const LOCAL_AT: usize = HEADER + 4 + 4;
const INODE_AT: usize = HEADER + 4 + 48 + 16;
/// The kernel answers before the question's call returns.
const PATIENCE: Duration = Duration::from_millis(100);
/// More than the kernel puts into one answer: 32 KiB at most.
const ANSWER: usize = 64 << 10;

/// A socket to ask with.
#[derive(Debug)]
pub(super) struct Diag(File);

impl Diag {
    /// # Errors
    /// Where the kernel, or a sandbox, does not allow it.
    pub(super) fn open() -> io::Result<Self> {
        let (kind, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
        let socket = socket(AddressFamily::Netlink, kind, flags, SockProtocol::NetlinkSockDiag)?;
        SockRef::from(&socket).set_read_timeout(Some(PATIENCE))?;
        Ok(Self(socket.into()))
    }

    /// The inode of the socket with these ends; `None` where there is none, or no process holds it.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(super) fn inode(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u64>> {
        let family = if local.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        self.0.write_all(&question(ONE, family, ANY, local, remote))?;
        let mut answer = [0; 1024];
        let length = self.0.read(&mut answer)?;
        Ok(inode_in(answer.get(..length).unwrap_or_default(), remote.port()))
    }
}

/// The sockets of this network namespace that listen, `most` at most. Asked with a socket of its own: what is left of an
/// answer goes with it.
///
/// # Errors
/// Where the kernel, or a sandbox, does not tell.
pub(super) fn listeners(most: usize) -> io::Result<Vec<Socket>> {
    let mut diag = Diag::open()?;
    let mut answer = vec![0; ANSWER];
    let mut found = Vec::new();
    for (family, any) in [
        (AddressFamily::Inet, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        (AddressFamily::Inet6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    ] {
        let any = SocketAddr::new(any, 0);
        diag.0.write_all(&question(ALL, family, LISTENING, any, any))?;
        loop {
            let length = diag.0.read(&mut answer)?;
            if listeners_in(answer.get(..length).unwrap_or_default(), &mut found)? {
                break;
            }
            if found.len() >= most {
                found.truncate(most);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// Adds the sockets of one answer, and says whether it was the last.
fn listeners_in(mut answer: &[u8], found: &mut Vec<Socket>) -> io::Result<bool> {
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "an unknown form of netlink's answer");
    while !answer.is_empty() {
        let length = u32::from_ne_bytes(*answer.first_chunk().ok_or_else(strange)?) as usize;
        let message = answer.get(..length).filter(|message| message.len() >= HEADER).ok_or_else(strange)?;
        match bytes_at(message, TYPE_AT).map(u16::from_ne_bytes).ok_or_else(strange)? {
            // Both bear an error, or 0.
            kind @ (DONE | ERROR) => {
                return match bytes_at(message, ERROR_AT).map(i32::from_ne_bytes).ok_or_else(strange)? {
                    error @ ..0 => Err(io::Error::from_raw_os_error(error.saturating_neg())),
                    _ => Ok(kind == DONE),
                };
            }
            BY_FAMILY => found.push(listener(message).ok_or_else(strange)?),
            _ => {}
        }
        answer = answer.get(length.next_multiple_of(ALIGNED)..).unwrap_or_default();
    }
    Ok(false)
}

fn listener(message: &[u8]) -> Option<Socket> {
    let address: [u8; 16] = bytes_at(message, LOCAL_AT)?;
    let [family] = bytes_at(message, FAMILY_AT)?;
    let (ip, any) = if i32::from(family) == AddressFamily::Inet as i32 {
        let [a, b, c, d, ..] = address;
        (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    } else {
        (IpAddr::V6(Ipv6Addr::from(address)), IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    };
    let local = SocketAddr::new(ip.to_canonical(), u16::from_be_bytes(bytes_at(message, LOCAL_PORT_AT)?));
    let inode = u32::from_ne_bytes(bytes_at(message, INODE_AT)?).into();
    Some(Socket { local, remote: SocketAddr::new(any, 0), listens: true, inode })
}

fn bytes_at<const N: usize>(message: &[u8], place: usize) -> Option<[u8; N]> {
    message.get(place..)?.first_chunk().copied()
}

fn question(flags: u16, family: AddressFamily, states: u32, local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let mut asked = Vec::with_capacity(ASKED);
    asked.extend_from_slice(&(ASKED as u32).to_ne_bytes());
    asked.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    asked.extend_from_slice(&flags.to_ne_bytes());
    // Number and sender.
    asked.extend_from_slice(&[0; 8]);
    asked.extend_from_slice(&[family as u8, TCP, 0, 0]);
    asked.extend_from_slice(&states.to_ne_bytes());
    asked.extend_from_slice(&local.port().to_be_bytes());
    asked.extend_from_slice(&remote.port().to_be_bytes());
    asked.extend_from_slice(&padded(local.ip()));
    asked.extend_from_slice(&padded(remote.ip()));
    // Any interface; no cookie.
    asked.extend_from_slice(&[0; 4]);
    asked.extend_from_slice(&[0xff; 8]);
    asked
}

fn padded(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// Where no connection has these ends, the kernel finds the socket that listens at one of them; its other end has no
/// port.
fn inode_in(answer: &[u8], remote_port: u16) -> Option<u64> {
    let kind = u16::from_ne_bytes(bytes_at(answer, TYPE_AT)?);
    let port = u16::from_be_bytes(bytes_at(answer, REMOTE_PORT_AT)?);
    let inode = u32::from_ne_bytes(bytes_at(answer, INODE_AT)?);
    (kind != ERROR && port == remote_port && inode != 0).then_some(inode.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::workload::sockets;

    /// A message of netlink.
    fn message(kind: u16, rest: &[u8]) -> Vec<u8> {
        let mut message = ((HEADER + rest.len()) as u32).to_ne_bytes().to_vec();
        message.extend_from_slice(&kind.to_ne_bytes());
        message.resize(HEADER, 0);
        message.extend_from_slice(rest);
        message.resize(message.len().next_multiple_of(ALIGNED), 0);
        message
    }

    /// An `inet_diag_msg` of a socket that listens.
    fn told(family: AddressFamily, address: &[u8], port: u16, inode: u32) -> Vec<u8> {
        let mut told = vec![family as u8, 10, 0, 0];
        told.extend_from_slice(&port.to_be_bytes());
        told.resize(8, 0);
        told.extend_from_slice(address);
        told.resize(INODE_AT - HEADER, 0);
        told.extend_from_slice(&inode.to_ne_bytes());
        told
    }

    #[test]
    fn an_answer_is_read_to_its_last_message() {
        let four = message(BY_FAMILY, &told(AddressFamily::Inet, &[127, 0, 0, 1], 8080, 7));
        let six = message(BY_FAMILY, &told(AddressFamily::Inet6, &Ipv6Addr::LOCALHOST.octets(), 443, 8));
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        let mapped = message(BY_FAMILY, &told(AddressFamily::Inet6, &mapped, 80, 9));
        let mut found = Vec::new();
        assert!(!listeners_in(&[four, six].concat(), &mut found).unwrap(), "more will come");
        assert!(listeners_in(&[mapped, message(DONE, &[0; 4])].concat(), &mut found).unwrap());
        let found: Vec<_> = found.iter().map(|socket| (socket.local.to_string(), socket.inode)).collect();
        let expected = [("127.0.0.1:8080", 7), ("[::1]:443", 8), ("10.0.0.1:80", 9)];
        assert_eq!(found, expected.map(|(local, inode)| (local.to_owned(), inode)));
    }

    #[test]
    fn a_refusal_and_what_is_no_answer_are_errors() {
        let refused = message(ERROR, &(-libc::ENOENT).to_ne_bytes());
        let ended = message(DONE, &(-libc::ENOENT).to_ne_bytes());
        let short = message(BY_FAMILY, &[2; 30]);
        let endless = [0; HEADER];
        for (answer, expected) in [
            (&*refused, io::ErrorKind::NotFound),
            (&*ended, io::ErrorKind::NotFound),
            (&*short, io::ErrorKind::InvalidData),
            (&endless, io::ErrorKind::InvalidData),
            (&[1, 2], io::ErrorKind::InvalidData),
        ] {
            assert_eq!(listeners_in(answer, &mut Vec::new()).unwrap_err().kind(), expected, "{answer:?}");
        }
    }

    #[test]
    fn those_that_listen_are_the_same_as_in_the_tables() {
        let Ok(all) = listeners(usize::MAX) else { return };
        assert!(all.iter().all(|socket| socket.listens));
        for host in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(host) else { continue };
            let own = |socket: &&Socket| socket.local == listener.local_addr().unwrap();
            let (asked, tables) = (listeners(usize::MAX).unwrap(), sockets::all());
            assert_eq!(asked.iter().find(own), tables.iter().find(own), "{host}");
            assert!(asked.iter().any(|socket| own(&socket)), "{host}");
        }
        assert!(listeners(0).unwrap().is_empty());
    }

    #[test]
    fn an_answer_of_many_messages_is_read_whole() {
        let many: Vec<_> = (0..400).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let Ok(all) = listeners(usize::MAX) else { return };
        let all: std::collections::HashSet<_> = all.into_iter().map(|socket| socket.local).collect();
        assert!(many.iter().all(|listener| all.contains(&listener.local_addr().unwrap())));
    }

    #[test]
    fn the_kernel_says_the_same_as_its_tables() {
        let Ok(mut diag) = Diag::open() else { return };
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let all = sockets::all();
            let known = all.iter().find(|socket| socket.local == local && socket.remote == remote).unwrap();
            assert_eq!(diag.inode(local, remote).unwrap(), Some(known.inode), "{host}");
            let listening = listener.local_addr().unwrap();
            let nobody = SocketAddr::new(local.ip(), 1);
            assert_eq!(diag.inode(listening, nobody).unwrap(), None, "who listens is not connected");
            assert_eq!(diag.inode(nobody, remote).unwrap(), None, "nobody has these ends");
            drop(client);
        }
    }

    #[test]
    fn any_answer_is_read_without_panic() {
        for length in 0..200 {
            for byte in [0, 1, 0xff] {
                let answer = vec![byte; length];
                let _ = inode_in(&answer, 80);
                let _ = listeners_in(&answer, &mut Vec::new());
            }
        }
        let whole = message(BY_FAMILY, &told(AddressFamily::Inet, &[127, 0, 0, 1], 8080, 7));
        for length in HEADER..whole.len() {
            let mut cut = whole.get(..length).unwrap().to_vec();
            cut.splice(..4, (length as u32).to_ne_bytes());
            assert!(listeners_in(&cut, &mut Vec::new()).is_err(), "{length} of its bytes");
        }
    }
}
