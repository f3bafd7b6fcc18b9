//! Takes OTLP over HTTP, keeps the bodies, and decodes them when asked: not while something is being measured.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use throughline::export::decode::{decode_traces, partial_success_response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A running collector.
pub(crate) struct Collector {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    /// Starts it on the current runtime.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let bodies = Arc::new(Mutex::default());
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    // A broken connection shows as spans that are missing.
                    let _ = take_all(stream, &kept).await;
                });
            }
        });
        Ok(Self { address, bodies })
    }

    /// Decodes what has come since the last call, and says how many spans with different ids there are.
    ///
    /// # Errors
    /// Bytes that are not OTLP.
    pub(crate) fn decode(&self) -> anyhow::Result<u64> {
        let bodies = std::mem::take(&mut *self.bodies.lock().unwrap_or_else(PoisonError::into_inner));
        let mut ids = HashSet::new();
        for body in bodies {
            ids.extend(decode_traces(&body)?.into_iter().map(|span| (span.trace_id, span.span_id)));
        }
        Ok(ids.len() as u64)
    }
}

async fn take_all(mut stream: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break (end + 4, content_length(bytes.get(..end).unwrap_or_default())?);
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        bytes.reserve((head + length).saturating_sub(bytes.len()));
        while bytes.len() < head + length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        let rest = bytes.split_off(head + length);
        let body = bytes.split_off(head);
        bytes = rest;
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        let success = partial_success_response(0, "");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            success.len()
        );
        stream.write_all(&[head.as_bytes(), &success].concat()).await?;
    }
}

pub(crate) fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    value.context("an export without Content-Length")?.parse().context("Content-Length is no number")
}
