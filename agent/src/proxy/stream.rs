//! A client's connection as Pingora sees it: a TCP stream that knows what it is carrying.
//!
//! It recognises TLS and clear-text HTTP/2 in the first bytes, and remembers whether an answer was written, so that
//! heads which Pingora refuses before any of our code runs can be counted. It decides nothing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tokio::net::TcpStream;

use super::head_timer::HeadTimer;
use super::upstream::{PROBE_AFTER, PROBE_INTERVAL, PROBES};
use crate::gap::sink::Connection;

/// Holds an answer's head and a small body, so that both leave in one system call. About one segment.
const WRITE_BUFFER: usize = 1460;

/// How long a client that is still sending may go on before its connection is closed for good.
const SLOW_CLOSE: Duration = Duration::from_secs(2);

/// What is known of one client connection; shared by the stream, the connection's loop and the request phases.
#[derive(Debug)]
pub(super) struct ConnectionNote {
    /// The peer's address.
    pub(super) peer: SocketAddr,
    /// The peer's address without its port, as it goes into `X-Forwarded-For`: made once, cloned for each request.
    pub(super) peer_header: HeaderValue,
    /// The address it connected to.
    pub(super) local: SocketAddr,
    /// How a report knows it, where one is fed.
    pub(super) connection: Option<Connection>,
    /// Heads that were waited for.
    awaited: AtomicU32,
    /// Heads that became requests.
    accepted: AtomicU32,
    /// The status of the last answer's head, as it was written.
    status: AtomicU16,
    /// What the first bytes are.
    first: AtomicU8,
    /// Whether the last head began to come and was given up because it took too long.
    slow_head: AtomicBool,
    /// Whether the client may still be sending when the connection is closed.
    close_slowly: AtomicBool,
}

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstBytes {
    /// Nothing has come, or something that may be HTTP/1.
    Http1,
    /// A TLS record.
    Tls,
    /// The connection preface of clear-text HTTP/2.
    Http2,
}

/// A client's connection.
pub(super) struct Downstream {
    tcp: BufWriter<TcpStream>,
    digest: Arc<SocketDigest>,
    note: Arc<ConnectionNote>,
    timer: HeadTimer,
    sniffed: bool,
    /// The number of the last head of which something came.
    begun_head: u32,
}

impl Downstream {
    /// Wraps an accepted connection. A request head that takes longer than `idle` ends it.
    pub(super) fn new(
        tcp: TcpStream,
        (peer, local): (SocketAddr, SocketAddr),
        idle: Duration,
        connection: Option<Connection>,
    ) -> Self {
        let digest = SocketDigest::from_raw_fd(tcp.as_raw_fd());
        // Cells of a value made in the line above are empty; setting them cannot fail.
        let _ = digest.peer_addr.set(Some(peer.into()));
        let _ = digest.local_addr.set(Some(local.into()));
        let note = ConnectionNote {
            peer,
            peer_header: address_header(peer),
            local,
            connection,
            awaited: AtomicU32::new(0),
            accepted: AtomicU32::new(0),
            status: AtomicU16::new(0),
            first: AtomicU8::new(FirstBytes::Http1 as u8),
            slow_head: AtomicBool::new(false),
            close_slowly: AtomicBool::new(false),
        };
        Self {
            tcp: BufWriter::with_capacity(WRITE_BUFFER, tcp),
            digest: Arc::new(digest),
            note: Arc::new(note),
            timer: HeadTimer::new(idle),
            sniffed: false,
            begun_head: 0,
        }
    }

    /// Has the kernel ask now and then whether a silent peer still lives: nothing else ends a tunnel.
    pub(super) fn probe_when_silent(&self) {
        let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL).with_retries(PROBES);
        // A socket that refuses this is about to fail in a read.
        let _ = SockRef::from(self.tcp.get_ref()).set_tcp_keepalive(&probes);
    }

    /// What is known of this connection.
    pub(super) fn note(&self) -> &Arc<ConnectionNote> {
        &self.note
    }
}

impl ConnectionNote {
    /// One more head became a request.
    pub(super) fn accept_head(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    /// How many heads became requests so far.
    pub(super) fn accepted_heads(&self) -> u32 {
        self.accepted.load(Relaxed)
    }

    /// The next head is to be read: the last answer is forgotten.
    pub(super) fn await_head(&self) {
        self.awaited.fetch_add(1, Relaxed);
        self.status.store(0, Relaxed);
    }

    /// The number of the head that is waited for, or `None` while a request is served. A head that is refused ends
    /// the connection, so all before the last one became requests.
    fn awaited_head(&self) -> Option<u32> {
        let awaited = self.awaited.load(Relaxed);
        (awaited != self.accepted.load(Relaxed)).then_some(awaited)
    }

    /// Whether the connection was given up because its head took too long.
    pub(super) fn head_was_slow(&self) -> bool {
        self.slow_head.load(Relaxed)
    }

    /// The status last written since [`Self::await_head`]; 0 when none was.
    pub(super) fn last_status(&self) -> u16 {
        self.status.load(Relaxed)
    }

    /// What the first bytes were.
    pub(super) fn first_bytes(&self) -> FirstBytes {
        match self.first.load(Relaxed) {
            byte if byte == FirstBytes::Tls as u8 => FirstBytes::Tls,
            byte if byte == FirstBytes::Http2 as u8 => FirstBytes::Http2,
            _ => FirstBytes::Http1,
        }
    }

    /// The client may still be sending: a plain close would reset the connection, and the reset could overtake the
    /// answer (RFC 9112, section 9.6).
    pub(super) fn close_slowly(&self) {
        self.close_slowly.store(true, Relaxed);
    }

    fn remember_status(&self, written: &[u8]) {
        let digits = written.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        if let Some(status) = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()) {
            self.status.store(status, Relaxed);
        }
    }
}

/// Digits, dots and colons are header text, so the empty value never occurs.
fn address_header(peer: SocketAddr) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(peer.ip().to_canonical().to_string()))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A TLS handshake record starts with 0x16 0x03; neither byte can start an HTTP method. The HTTP/2 preface starts
/// with the method `PRI`, which is reserved for it (RFC 9113, section 3.4).
fn sniff(first: &[u8]) -> FirstBytes {
    match first {
        [0x16, 0x03, ..] => FirstBytes::Tls,
        [b'P', b'R', b'I', b' ', b'*', b' ', ..] => FirstBytes::Http2,
        _ => FirstBytes::Http1,
    }
}

impl AsyncRead for Downstream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(self.tcp.get_mut()).poll_read(cx, buf);
        if !self.sniffed
            && let Some(first) = buf.filled().get(before..).filter(|first| !first.is_empty())
        {
            let first = sniff(first);
            self.sniffed = true;
            self.note.first.store(first as u8, Relaxed);
            if first != FirstBytes::Http1 {
                // Read as the end of the stream: nothing to answer in a protocol the peer would understand.
                buf.set_filled(before);
            }
        }
        let Some(head) = self.note.awaited_head() else { return poll };
        if poll.is_ready() {
            self.begun_head = head;
        } else if self.timer.is_over(head, cx) {
            self.note.slow_head.store(self.begun_head == head, Relaxed);
            // Read as the end of the stream too: Pingora then closes without an answer.
            return Poll::Ready(Ok(()));
        }
        poll
    }
}

impl AsyncWrite for Downstream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.note.remember_status(buf);
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = bufs.first() {
            self.note.remember_status(first);
        }
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Downstream {
    async fn shutdown(&mut self) {
        // The peer may be gone already; there is nobody to tell.
        let _ = AsyncWriteExt::shutdown(&mut self.tcp).await;
    }
}

impl UniqueID for Downstream {
    fn id(&self) -> UniqueIDType {
        self.tcp.get_ref().as_raw_fd()
    }
}

impl GetTimingDigest for Downstream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        // Nobody asks when a client connected, and a list that says so would be an allocation for every request.
        Vec::new()
    }
}

impl GetProxyDigest for Downstream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Downstream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

impl Ssl for Downstream {}

#[async_trait]
impl Peek for Downstream {}

/// Reads on for a moment where the client may still be sending.
impl Drop for Downstream {
    fn drop(&mut self) {
        if !self.note.close_slowly.load(Relaxed) {
            return;
        }
        // Where no event loop runs any more, the process is ending and the kernel closes.
        let (Ok(handle), Ok(copy)) =
            (tokio::runtime::Handle::try_current(), SockRef::from(self.tcp.get_ref()).try_clone())
        else {
            return;
        };
        handle.spawn(async move {
            let _ = copy.shutdown(std::net::Shutdown::Write);
            if let Ok(mut copy) = TcpStream::from_std(copy.into()) {
                let _ = tokio::time::timeout(SLOW_CLOSE, discard(&mut copy)).await;
            }
        });
    }
}

async fn discard(stream: &mut TcpStream) {
    let mut buffer = [0; 8192];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

impl fmt::Debug for Downstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downstream").field("note", &self.note).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_protocol() {
        let rows: &[(&[u8], FirstBytes, &str)] = &[
            (b"GET / HTTP/1.1\r\n", FirstBytes::Http1, "a request"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FirstBytes::Http2, "the preface"),
            (b"PRIX * HTTP/1.1\r\n", FirstBytes::Http1, "another method that starts alike"),
            (b"PR", FirstBytes::Http1, "too short to tell"),
            (&[0x16, 0x03, 0x01, 0x02, 0x00], FirstBytes::Tls, "a client hello"),
            (&[0x16, b'G'], FirstBytes::Http1, "no TLS version"),
            (b"", FirstBytes::Http1, "nothing"),
        ];
        for (bytes, expected, reason) in rows {
            assert_eq!(sniff(bytes), *expected, "{reason}");
        }
    }
}
