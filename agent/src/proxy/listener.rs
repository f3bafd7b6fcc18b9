//! Listening sockets: bound before anything starts, one for each proxy thread on the same address.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections the kernel may hold until they are accepted.
const BACKLOG: i32 = 4096;

/// Binds `count` sockets to `address`, and says which address that is.
///
/// Sockets that share a port must all ask for it, so a first one is bound alone: that is how a port which another
/// process uses, or another copy of this one, is found out.
///
/// # Errors
/// Those of the operating system; `AddrInUse` for a port in use.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<std::net::TcpListener>)> {
    let alone = socket(address, false)?;
    let address = local_address(&alone)?;
    drop(alone);
    let listeners = (0..count.max(1)).map(|_| Ok(socket(address, true)?.into())).collect::<io::Result<Vec<_>>>()?;
    Ok((address, listeners))
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    if shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("the socket has no internet address"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn a_port_in_use_is_an_error_even_when_it_may_be_shared() {
        let (address, listeners) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(listeners.len(), 3);
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        assert_eq!(bind(address, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
