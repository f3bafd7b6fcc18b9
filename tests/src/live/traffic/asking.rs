//! The client's end: requests that follow from a seed, answers read to their end.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::digest::Digest;
use super::pieces::{Counted, chunked, content, noise, write_clear};
use crate::random::Random;

/// A stall is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a tunnel, one way.
const TUNNEL: usize = 300_000;

/// What a connection came to.
pub(super) struct Done {
    pub(super) port: u16,
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    /// The longest that an answer took.
    pub(super) slowest: Duration,
}

/// A request in the making.
struct Request {
    bytes: Vec<u8>,
    /// Whether its answer has no body.
    head: bool,
}

/// Requests on one connection; the last one becomes a tunnel where that is asked for.
pub(super) fn connection(
    address: SocketAddr,
    mut random: Random,
    (requests, pipelining): (usize, bool),
    tunnel: bool,
) -> Result<Done> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let port = stream.local_addr()?.port();
    let mut counted = Counted::new(stream);
    let (mut slowest, mut left) = (Duration::ZERO, requests);
    while left > 0 && !tunnel {
        // Now and then several are sent at once, before the first is answered.
        let together = if pipelining && random.percent(10) { 2 + random.below(3) } else { 1 }.min(left);
        let asked: Vec<Request> = (0..together).map(|_| request(&mut random)).collect();
        let bytes: Vec<u8> = asked.iter().flat_map(|request| request.bytes.iter().copied()).collect();
        let began = Instant::now();
        write_clear(&mut counted, &bytes, &mut random)?;
        for request in &asked {
            answer(&mut counted, request.head)?;
        }
        slowest = slowest.max(began.elapsed());
        left -= together;
    }
    if tunnel {
        let head = b"GET /chat HTTP/1.1\r\nHost: traffic\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        write_clear(&mut counted, head, &mut random)?;
        counted.head()?;
        let mut left = TUNNEL;
        while left > 0 {
            let bytes = frame(&mut random, left.min(9000));
            write_clear(&mut counted, &bytes, &mut random)?;
            let back = counted.exactly(bytes.len())?;
            if back != bytes {
                return Err(std::io::Error::other("the tunnel changed bytes"));
            }
            left = left.saturating_sub(bytes.len());
        }
    }
    let digest = Digest { asked: counted.written.value(), answered: counted.read.value() };
    Ok(Done { port, digest, bytes: counted.bytes, slowest })
}

/// Requests inside of TLS.
pub(super) fn secured(address: SocketAddr, authority: &Path, mut random: Random, requests: usize) -> Result<Done> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).map_err(std::io::Error::other)?;
    roots.add(certificate).map_err(std::io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").map_err(std::io::Error::other)?;
    let client = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let port = stream.local_addr()?.port();
    let mut counted = Counted::new(StreamOwned::new(client, stream));
    let mut slowest = Duration::ZERO;
    for _ in 0..requests {
        let request = request(&mut random);
        let began = Instant::now();
        counted.stream.write_all(&request.bytes)?;
        counted.stream.flush()?;
        counted.wrote(&request.bytes);
        answer(&mut counted, request.head)?;
        slowest = slowest.max(began.elapsed());
    }
    let digest = Digest { asked: counted.written.value(), answered: counted.read.value() };
    Ok(Done { port, digest, bytes: counted.bytes, slowest })
}

/// Reads one answer, those before it with 1xx too.
fn answer<S: Read + Write>(from: &mut Counted<S>, to_head: bool) -> Result<()> {
    loop {
        let head = String::from_utf8_lossy(&from.head()?).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        let Some(status) = status else { return Err(std::io::ErrorKind::UnexpectedEof.into()) };
        if (100..200).contains(&status) {
            continue;
        }
        if to_head || matches!(status, 204 | 304) {
            return Ok(());
        }
        return if head.contains("transfer-encoding: chunked") {
            from.chunks().map(drop)
        } else {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            from.exactly(length.unwrap_or(0)).map(drop)
        };
    }
}

fn request(random: &mut Random) -> Request {
    let method = *random.pick(&["GET", "GET", "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH"]);
    let length = if random.percent(2) { 4000 } else { 60 };
    let length = 1 + random.below(length);
    let path = random.text(b"abcdefghijklmnopqrstuvwxyz0123456789-_~%", length);
    let mut text =
        format!("{method} /{} HTTP/1.1\r\nHost: traffic\r\n", String::from_utf8_lossy(&path).replace('%', "/"));
    for number in 0..random.below(12) {
        let length = random.below(60);
        let value = random.text(b"abcdefghijklmnopqrstuvwxyz =;,/\"", length);
        text.push_str(&format!("X-{number}: {}\r\n", String::from_utf8_lossy(&value)));
    }
    if random.percent(50) {
        text.push_str(&format!("traceparent: 00-{}-{}-01\r\n", random.hex(32), random.hex(16)));
        if random.percent(50) {
            text.push_str("tracestate: checkly=true\r\n");
        }
    }
    let mut bytes = text.into_bytes();
    if matches!(method, "POST" | "PUT" | "PATCH") {
        let content = content(random);
        if random.percent(30) {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            bytes.extend(chunked(&content, random));
        } else {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", content.len()).as_bytes());
            bytes.extend_from_slice(&content);
        }
    } else {
        bytes.extend_from_slice(b"\r\n");
    }
    Request { bytes, head: method == "HEAD" }
}

/// A binary message of a WebSocket as a client sends it: masked.
fn frame(random: &mut Random, most: usize) -> Vec<u8> {
    let length = 126 + random.below(most.max(200) - 126);
    let mut bytes = vec![0x82, 0xfe];
    bytes.extend_from_slice(&(length as u16).to_be_bytes());
    bytes.extend(noise(random, 4 + length));
    bytes
}
