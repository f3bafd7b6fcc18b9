//! What a scripted upstream does with one request: every way to answer, well or badly, that the suites need.

use std::io::{ErrorKind, Result};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::message::Head;

/// What becomes of one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status and a body with its length.
    Text(u16, String),
    /// A complete head as given (with its blank line), then these body bytes; the connection stays.
    Raw(Vec<u8>),
    /// The same, and the connection is closed.
    RawThenClose(Vec<u8>),
    /// The same, and the connection is reset.
    RawThenReset(Vec<u8>),
    /// The request's body, with its length. Only what was kept of it.
    Echo,
    /// The request's body in chunks of at most 1,000 bytes.
    EchoChunked,
    /// This many zero bytes with their length.
    Zeros(u64),
    /// These chunks with a pause before each.
    Paced(Vec<&'static str>, Duration),
    /// This many 103 answers, then a 200.
    Interim(usize),
    /// 101 to this protocol, then every byte comes back.
    Tunnel(&'static str),
    /// Nothing, until the peer goes away.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// The connection is reset without an answer.
    Reset,
    /// Another answer after a while.
    After(Duration, Box<Answer>),
    /// Another answer before the request's body is read; then the connection is closed.
    Early(Box<Answer>),
}

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Keep,
    Close,
    Reset,
    /// Everything that comes goes back.
    Echo,
    /// Nothing more is sent; the peer's end is awaited.
    Hang,
}

impl Answer {
    /// 200 with a short body.
    #[must_use]
    pub fn ok() -> Self {
        Self::text(200, "hello")
    }

    /// A status with a body.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::Text(status, body.to_owned())
    }

    /// Another answer after `pause`.
    #[must_use]
    pub fn after(pause: Duration, answer: Self) -> Self {
        Self::After(pause, Box::new(answer))
    }

    /// Sends the answer to `request`, whose body is `body`.
    pub(crate) async fn send<W>(&self, request: &Head, body: &[u8], out: &mut W) -> Result<Then>
    where
        W: AsyncWrite + Unpin + Send,
    {
        match self {
            Self::Text(status, text) => {
                let length = if *status == 204 { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
                let mut bytes = format!("HTTP/1.1 {status} Scripted\r\n{length}\r\n").into_bytes();
                if request.word(0) != "HEAD" && *status != 304 && *status != 204 {
                    bytes.extend_from_slice(text.as_bytes());
                }
                out.write_all(&bytes).await?;
            }
            Self::Raw(bytes) => out.write_all(bytes).await?,
            Self::RawThenClose(bytes) => {
                out.write_all(bytes).await?;
                return Ok(Then::Close);
            }
            Self::RawThenReset(bytes) => {
                out.write_all(bytes).await?;
                return Ok(Then::Reset);
            }
            Self::Echo => {
                out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes()).await?;
                out.write_all(body).await?;
            }
            Self::EchoChunked => {
                out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                for chunk in body.chunks(1000) {
                    write_chunk(out, chunk).await?;
                }
                out.write_all(b"0\r\n\r\n").await?;
            }
            Self::Zeros(len) => {
                out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n").as_bytes()).await?;
                write_zeros(out, *len).await?;
            }
            Self::Paced(chunks, pause) => {
                out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                for chunk in chunks {
                    tokio::time::sleep(*pause).await;
                    write_chunk(out, chunk.as_bytes()).await?;
                }
                out.write_all(b"0\r\n\r\n").await?;
            }
            Self::Interim(count) => {
                let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
                for _ in 0..*count {
                    out.write_all(interim).await?;
                }
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await?;
            }
            Self::Tunnel(protocol) => {
                let head = format!("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n");
                out.write_all(head.as_bytes()).await?;
                return Ok(Then::Echo);
            }
            Self::Hang => return Ok(Then::Hang),
            Self::Close => return Ok(Then::Close),
            Self::Reset => return Ok(Then::Reset),
            Self::After(pause, answer) => {
                tokio::time::sleep(*pause).await;
                return Box::pin(answer.send(request, body, out)).await;
            }
            Self::Early(answer) => {
                Box::pin(answer.send(request, body, out)).await?;
                return Ok(Then::Close);
            }
        }
        Ok(Then::Keep)
    }
}

/// Writes `len` zero bytes in large pieces.
pub(crate) async fn write_zeros<W: AsyncWrite + Unpin>(out: &mut W, len: u64) -> Result<()> {
    let zeros = vec![0; 256 * 1024];
    let mut left = len;
    while left > 0 {
        let n = left.min(zeros.len() as u64) as usize;
        out.write_all(zeros.get(..n).ok_or(ErrorKind::InvalidInput)?).await?;
        left -= n as u64;
    }
    Ok(())
}

async fn write_chunk<W: AsyncWrite + Unpin>(out: &mut W, chunk: &[u8]) -> Result<()> {
    let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
    bytes.extend_from_slice(chunk);
    bytes.extend_from_slice(b"\r\n");
    out.write_all(&bytes).await
}
