//! One TCP socket of this network namespace by the two ends of its connection, asked of the kernel.
//!
//! The kernel looks it up in its hash table, in microseconds; its tables under `/proc/net` are written out whole, which
//! takes longer than many a connection lives. Source: `linux/netlink.h`, `linux/inet_diag.h`, sock_diag(7); since
//! Linux 3.3. No right is needed.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// For an answer. The kernel answers before the request returns.
const PATIENCE: Duration = Duration::from_millis(100);
/// Answers to earlier questions that may come first.
const MAX_STALE: usize = 8;

/// The type of questions and answers.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const HEADER: usize = 16;
const REQUEST: usize = 56;
/// Where `idiag_inode` lies in `struct inet_diag_msg`.
const INODE: usize = 68;

/// A way to ask.
#[derive(Debug)]
pub(super) struct Diag {
    socket: Socket,
    asked: u32,
}

impl Diag {
    /// # Errors
    /// A kernel without it, or a sandbox that forbids it.
    pub(super) fn open() -> Result<Self> {
        let protocol = Protocol::from(libc::NETLINK_SOCK_DIAG);
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::DGRAM, Some(protocol))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, asked: 0 })
    }

    /// The inode of the socket at `local` that is connected to `remote`; `None` where no process holds one. Both must be
    /// of one version.
    ///
    /// # Errors
    /// The kernel cannot be asked for such sockets.
    pub(super) fn inode(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<Option<u64>> {
        self.asked = self.asked.wrapping_add(1);
        self.socket.write_all(&question(self.asked, local, remote))?;
        let mut answer = [0; 1024];
        for _ in 0..MAX_STALE {
            let length = self.socket.read(&mut answer)?;
            let said = answer.get(..length).unwrap_or_default();
            if word(said, 8) == Some(self.asked) {
                return inode(said);
            }
        }
        Err(Error::new(ErrorKind::InvalidData, "no answer to this question"))
    }
}

fn question(number: u32, local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    /// `NLM_F_REQUEST`
    const IS_REQUEST: u16 = 1;
    /// `INET_DIAG_NOCOOKIE`
    const ANY_COOKIE: u32 = u32::MAX;
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(IS_REQUEST.to_ne_bytes());
    bytes.extend(number.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());

    let family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    bytes.extend([family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    // Any state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for address in [local.ip(), remote.ip()] {
        let mut field = [0; 16];
        match address {
            IpAddr::V4(four) => field.iter_mut().zip(four.octets()).for_each(|(place, byte)| *place = byte),
            IpAddr::V6(six) => field = six.octets(),
        }
        bytes.extend(field);
    }
    // Any interface.
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(ANY_COOKIE.to_ne_bytes());
    bytes.extend(ANY_COOKIE.to_ne_bytes());
    bytes
}

fn inode(answer: &[u8]) -> Result<Option<u64>> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    match kind.map(i32::from) {
        Some(libc::NLMSG_ERROR) => {
            let number = word(answer, HEADER).map_or(libc::EINVAL, |word| -(word as i32));
            if number == libc::ENOENT { Ok(None) } else { Err(Error::from_raw_os_error(number)) }
        }
        Some(kind) if kind == i32::from(SOCK_DIAG_BY_FAMILY) => {
            let inode = word(answer, HEADER + INODE).ok_or(ErrorKind::UnexpectedEof)?;
            Ok((inode != 0).then_some(u64::from(inode)))
        }
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_kernel_knows_both_ends_of_a_connection() {
        let Ok(mut diag) = Diag::open() else { unreachable_kernel() };
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            for end in [&client, &server] {
                let held = std::fs::metadata(format!("/proc/self/fd/{}", end.as_raw_fd())).unwrap().ino();
                let found = diag.inode(end.local_addr().unwrap(), end.peer_addr().unwrap()).unwrap();
                assert_eq!(found, Some(held), "{host}");
            }
            let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            drop((client, server));
            assert_eq!(diag.inode(local, remote).unwrap(), None, "{host}: nobody holds it any more");
        }
    }

    #[test]
    fn answers_that_are_none_are_errors() {
        for (answer, reason) in [
            (vec![], "nothing"),
            (vec![0; 15], "less than a header"),
            ([&20_u32.to_ne_bytes()[..], &20_u16.to_ne_bytes(), &[0; 14]].concat(), "a message cut short"),
            (vec![0; 200], "another message"),
        ] {
            assert!(inode(&answer).is_err(), "{reason}");
        }
    }

    #[expect(clippy::panic, reason = "a failed test should stop")]
    fn unreachable_kernel() -> ! {
        panic!("this kernel answers no questions about sockets")
    }
}
