//! The smallest HTTP/1.1 client that does: one GET, one connection, one answer. Loopback only; for the demonstration's
//! own traffic, and in a form that blocks for its services, and nothing else.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::plan::Lines;

/// For the whole exchange.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Sends one GET with these context lines and returns the status of the answer.
///
/// # Errors
/// No connection, no answer within 10 s, or one that is not HTTP/1.
pub(super) async fn get(addr: SocketAddr, path: &str, context: &Lines) -> Result<u16, Error> {
    tokio::time::timeout(PATIENCE, exchange(addr, path, context))
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "no answer within 10 s")))
}

/// The same in a thread that waits for it.
///
/// # Errors
/// The same, where 10 s hold for each step.
pub(super) fn get_blocking(addr: SocketAddr, path: &str, context: &Lines) -> Result<u16, Error> {
    let mut stream = std::net::TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(head(addr, path, context).as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    understood(&answer)
}

async fn exchange(addr: SocketAddr, path: &str, context: &Lines) -> Result<u16, Error> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(head(addr, path, context).as_bytes()).await?;
    let mut answer = Vec::new();
    AsyncReadExt::take(stream, LONGEST).read_to_end(&mut answer).await?;
    understood(&answer)
}

fn head(addr: SocketAddr, path: &str, context: &Lines) -> String {
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: throughline-demo\r\n");
    for (name, lines) in [("traceparent", &context.traceparent), ("tracestate", &context.tracestate)] {
        for line in lines {
            head.push_str(&format!("{name}: {line}\r\n"));
        }
    }
    head.push_str("Connection: close\r\n\r\n");
    head
}

fn understood(answer: &[u8]) -> Result<u16, Error> {
    status(answer).ok_or_else(|| Error::new(ErrorKind::InvalidData, "the answer is not HTTP/1"))
}

fn status(answer: &[u8]) -> Option<u16> {
    let digits = answer.strip_prefix(b"HTTP/1.1 ").or_else(|| answer.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn statuses() {
        for (answer, expected, reason) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], Some(200), "the usual"),
            (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", Some(502), "an old server"),
            (b"HTTP/1.1 20", None, "cut short"),
            (b"", None, "closed without an answer"),
            (b"SSH-2.0-OpenSSH\r\n", None, "another protocol"),
        ] {
            assert_eq!(status(answer), expected, "{reason}");
        }
    }
}
