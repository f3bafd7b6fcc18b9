//! The service that is called, by blocking threads: connections that are kept and shared, or one for each call.

use std::io::{Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};

use super::message::whole;

/// Whom to call.
#[derive(Debug)]
pub(super) struct Peer {
    address: SocketAddr,
    path: String,
    /// Whether connections are kept.
    keeps: bool,
    kept: Mutex<Vec<TcpStream>>,
}

/// The bytes of a call.
pub(super) fn call(path: &str, identifier: &str, lines: &str, keeps: bool) -> Vec<u8> {
    let close = if keeps { "" } else { "Connection: close\r\n" };
    format!("GET {path}/{identifier} HTTP/1.1\r\nHost: stock\r\n{lines}{close}\r\n").into_bytes()
}

impl Peer {
    pub(super) fn new(address: SocketAddr, path: String, keeps: bool) -> Self {
        Self { address, path, keeps, kept: Mutex::default() }
    }

    /// Calls it, and waits for the answer. A kept connection that was closed meanwhile is replaced.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) fn call(&self, identifier: &str, lines: &str) -> Result<()> {
        let request = call(&self.path, identifier, lines, self.keeps);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let stream = match kept.map(|stream| exchange(stream, &request)) {
            Some(Ok(stream)) => stream,
            _ => exchange(TcpStream::connect(self.address)?, &request)?,
        };
        if self.keeps {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        }
        Ok(())
    }
}

fn exchange(mut stream: TcpStream, request: &[u8]) -> Result<TcpStream> {
    stream.write_all(request)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while whole(&answer).is_none() {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(stream)
}
