//! CONNECT: bytes that are passed on unread. What is inside cannot be observed, and that is what is observed.
//!
//! Served before Pingora sees the connection: a client sends CONNECT as the first thing on a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use pingora::server::ShutdownWatch;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::{NoWay, Wanted};
use crate::gap::note::{Method, Note, Traits};
use crate::gap::sink::{Callee, Connection, Sighting};
use crate::proxy::counts::{EgressOutcome, Refusal};
use crate::proxy::phases::Phases;
use crate::proxy::upstream::{PROBE_AFTER, PROBE_INTERVAL, PROBES};
use crate::trace::marker::Mark;

const METHOD: &[u8] = b"CONNECT ";
/// Bytes of the head at most.
const LONGEST_HEAD: usize = 8 * 1024;
/// How long to wait for the rest of the method's name.
const SHORT_PAUSE: Duration = Duration::from_millis(5);
/// At a stop, a connection on which nothing moved for so long may be closed.
const QUIET: Duration = Duration::from_secs(1);

/// Whether this connection begins with CONNECT; `None` where it begins with nothing within `limit`, or before the agent
/// stops. Nothing is taken from it.
pub(crate) async fn is_asked_for(stream: &TcpStream, limit: Duration, mut stopping: ShutdownWatch) -> Option<bool> {
    let look = async {
        let mut start = [0; METHOD.len()];
        loop {
            let Ok(length) = stream.peek(&mut start).await else { return false };
            let (start, whole) = (start.get(..length).unwrap_or_default(), length == METHOD.len());
            if length == 0 || !METHOD.starts_with(start) || whole {
                return whole && start == METHOD;
            }
            tokio::time::sleep(SHORT_PAUSE).await;
        }
    };
    let stop = async {
        // The sender is dropped only after the stop was sent.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(QUIET).await;
    };
    tokio::select! {
        asked = tokio::time::timeout(limit, look) => asked.ok(),
        () = stop => None,
    }
}

/// Serves a connection that begins with CONNECT, to its end.
pub(crate) async fn serve(
    mut client: TcpStream,
    peer: SocketAddr,
    connection: Option<Connection>,
    phases: &Phases,
    stopping: ShutdownWatch,
) {
    let begun = phases.1.as_ref().map_or(0, |sink| sink.now());
    let limit = phases.downstream_idle();
    let Ok(Some(head)) = tokio::time::timeout(limit, read_head(&mut client)).await else {
        return refuse(&mut client, phases, Refusal::MalformedHead, 400).await;
    };
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let Some(wanted) = Wanted::of_authority(target, None) else {
        return refuse(&mut client, phases, Refusal::MalformedHead, 400).await;
    };
    let opened = open(&wanted, phases).await;
    let (status, address) = match &opened {
        Ok((_, address)) => (200, Some(*address)),
        Err(status) => (*status, None),
    };
    let seen = Seen { begun, connection: connection.as_ref(), status, address };
    observe(phases, &wanted, target, &seen);
    let Ok((mut server, callee)) = opened else {
        let refusal = if status == 403 { Some(Refusal::Destination) } else { None };
        return answer_refusal(&mut client, phases, refusal, status).await;
    };
    if let (Some(sink), Ok(local)) = (&phases.1, server.local_addr()) {
        sink.called(local, callee);
    }
    phases.counts().egress.add(EgressOutcome::Tunnelled, 1);
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
        let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL).with_retries(PROBES);
        // A socket that refuses this is about to fail.
        let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
    }
    if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
        pass_on(&mut client, &mut server, stopping).await;
    }
    tracing::trace!(%peer, "a tunnel ended");
}

/// The head up to its blank line, and no byte of what follows: clients wait for the answer before they go on.
async fn read_head(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD || client.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.extend_from_slice(&byte);
    }
    Some(head)
}

/// A connection to the first address that may be had; the error is a status.
async fn open(wanted: &Wanted, phases: &Phases) -> Result<(TcpStream, SocketAddr), u16> {
    let shared = &phases.0;
    // Calls of a listener with a configured upstream go there and nowhere else.
    let Some(egress) = shared.egress.as_ref().filter(|egress| egress.is_forward) else { return Err(403) };
    let limit = shared.config.timeouts.connect;
    let addresses = egress.addresses(wanted, limit).await.map_err(|no_way| match no_way {
        NoWay::Unknown => 502_u16,
        NoWay::Forbidden => 403,
    })?;
    for address in addresses {
        if let Ok(Ok(server)) = tokio::time::timeout(limit, TcpStream::connect(address)).await {
            return Ok((server, address));
        }
    }
    Err(502)
}

/// Passes bytes on in both directions until both are over, or until it is quiet and the agent stops.
async fn pass_on(client: &mut TcpStream, server: &mut TcpStream, mut stopping: ShutdownWatch) {
    let moved = Arc::new(AtomicU64::new(0));
    let mut client = Metered { stream: client, moved: Arc::clone(&moved) };
    let mut server = Metered { stream: server, moved: Arc::clone(&moved) };
    let quiet = async {
        // The sender is dropped only after the stop was sent.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        loop {
            let before = moved.load(Relaxed);
            tokio::time::sleep(QUIET).await;
            if moved.load(Relaxed) == before {
                return;
            }
        }
    };
    tokio::select! {
        // How a tunnel ends is between its two ends.
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        () = quiet => {}
    }
}

/// What is known of a tunnel.
struct Seen<'a> {
    begun: u64,
    connection: Option<&'a Connection>,
    status: u16,
    address: Option<SocketAddr>,
}

fn observe(phases: &Phases, wanted: &Wanted, target: &[u8], seen: &Seen<'_>) {
    let Some(sink) = &phases.1 else { return };
    let note = Note {
        begun: seen.begun,
        duration: sink.now().saturating_sub(seen.begun),
        context: None,
        mark: Mark::None,
        route: sink.route(target),
        connection: seen.connection.map_or(0, Connection::number),
        status: seen.status,
        method: Method::Other,
        traits: Traits::default(),
    };
    sink.sight(Box::new(Sighting {
        note,
        method: "CONNECT".into(),
        traceparent: Vec::new(),
        delivered: None,
        tracestate: Vec::new(),
        problem: None,
        callee: Some(Callee { address: seen.address, host: wanted.host.as_str().into(), encrypted: true }),
    }));
    phases.counts().egress.add(EgressOutcome::Observed, 1);
}

async fn refuse(client: &mut TcpStream, phases: &Phases, refusal: Refusal, status: u16) {
    answer_refusal(client, phases, Some(refusal), status).await;
}

async fn answer_refusal(client: &mut TcpStream, phases: &Phases, refusal: Option<Refusal>, status: u16) {
    if let Some(refusal) = refusal {
        phases.counts().refusals.add(refusal, 1);
    }
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let answer =
        format!("HTTP/1.1 {status} {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", reason.unwrap_or("Error"));
    // The client may be gone.
    let _ = client.write_all(answer.as_bytes()).await;
    let _ = client.shutdown().await;
}

/// A stream that counts what is read from it.
struct Metered<'a> {
    stream: &'a mut TcpStream,
    moved: Arc<AtomicU64>,
}

impl AsyncRead for Metered<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut *self.stream).poll_read(cx, buf);
        self.moved.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        poll
    }
}

impl AsyncWrite for Metered<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}
