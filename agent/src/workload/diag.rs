//! Asks the kernel for one TCP socket by its two ends (netlink `sock_diag`, since 3.3): as quick on a host with a hundred
//! thousand sockets as on one with ten, and needs no privilege.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use socket2::SockRef;

/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`
const REQUEST: u16 = 1;
/// `NLMSG_ERROR`
const ERROR: u16 = 2;
const TCP: u8 = 6;
/// Header and `inet_diag_req_v2`.
const ASKED: usize = 16 + 56;
/// Where in an answer, header included, its parts lie: `nlmsg_type`, `idiag_dport`, `idiag_inode`.
const TYPE_AT: usize = 4;
const REMOTE_PORT_AT: usize = 16 + 4 + 2;
const INODE_AT: usize = 16 + 4 + 48 + 16;
/// The kernel answers before the question's call returns.
const PATIENCE: Duration = Duration::from_millis(100);

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
        self.0.write_all(&question(local, remote))?;
        let mut answer = [0; 1024];
        let length = self.0.read(&mut answer)?;
        Ok(inode_in(answer.get(..length).unwrap_or_default(), remote.port()))
    }
}

fn question(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let family = if local.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let mut asked = Vec::with_capacity(ASKED);
    asked.extend_from_slice(&(ASKED as u32).to_ne_bytes());
    asked.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    asked.extend_from_slice(&REQUEST.to_ne_bytes());
    // Number and sender.
    asked.extend_from_slice(&[0; 8]);
    asked.extend_from_slice(&[family as u8, TCP, 0, 0]);
    // Any state.
    asked.extend_from_slice(&u32::MAX.to_ne_bytes());
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
    let kind = u16::from_ne_bytes(*answer.get(TYPE_AT..)?.first_chunk()?);
    let port = u16::from_be_bytes(*answer.get(REMOTE_PORT_AT..)?.first_chunk()?);
    let inode = u32::from_ne_bytes(*answer.get(INODE_AT..)?.first_chunk()?);
    (kind != ERROR && port == remote_port && inode != 0).then_some(inode.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::workload::sockets;

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
                let _ = inode_in(&vec![byte; length], 80);
            }
        }
    }
}
