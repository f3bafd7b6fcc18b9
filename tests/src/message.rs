//! HTTP/1 messages as bytes on a socket: heads kept exactly as they came, bodies by their framing. Strict where it
//! reads, because what the proxy sends must be right; it judges nothing else.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// A request or response head, exactly as received, blank line included.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Head(pub Vec<u8>);

/// One header line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// As spelled.
    pub name: Vec<u8>,
    /// Without surrounding white space.
    pub value: Vec<u8>,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Until the connection is closed.
    UntilClose,
}

/// A body that was read.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Its first bytes, as many as were asked for.
    pub bytes: Vec<u8>,
    /// How many there were.
    pub len: u64,
    /// Whether the end was reached as the framing says.
    pub complete: bool,
}

/// A reader that keeps what it has read too much.
#[derive(Debug)]
pub struct Wire<R> {
    io: R,
    buffer: Vec<u8>,
    start: usize,
}

impl Head {
    /// The first line, without its end.
    #[must_use]
    pub fn start_line(&self) -> String {
        String::from_utf8_lossy(self.rows().first().copied().unwrap_or_default()).into_owned()
    }

    /// Word `n` of the first line; empty when there is none.
    #[must_use]
    pub fn word(&self, n: usize) -> String {
        self.start_line().split(' ').nth(n).unwrap_or_default().to_owned()
    }

    /// The request target without its query.
    #[must_use]
    pub fn path(&self) -> String {
        self.word(1).split('?').next().unwrap_or_default().to_owned()
    }

    /// The status of a response; 0 when the first line has none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// All header lines, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let rows = self.rows();
        rows.iter().skip(1).filter(|row| !row.is_empty()).map(|row| Line::split(row)).collect()
    }

    /// The lines of one name, in order.
    #[must_use]
    pub fn lines_of(&self, name: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.name.eq_ignore_ascii_case(name.as_bytes())).collect()
    }

    /// The values of one name, in order, as text.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        self.lines_of(name).iter().map(|line| String::from_utf8_lossy(&line.value).into_owned()).collect()
    }

    /// The first value of one name; empty when there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> String {
        self.values(name).into_iter().next().unwrap_or_default()
    }

    /// The framing that the head declares; `otherwise` when it declares none.
    #[must_use]
    pub fn framing(&self, otherwise: Framing) -> Framing {
        if self.value("transfer-encoding").to_ascii_lowercase().contains("chunked") {
            return Framing::Chunked;
        }
        self.value("content-length").parse().map_or(otherwise, Framing::Length)
    }

    fn rows(&self) -> Vec<&[u8]> {
        self.0.split(|&byte| byte == b'\n').map(|row| row.strip_suffix(b"\r").unwrap_or(row)).collect()
    }
}

impl Line {
    fn split(row: &[u8]) -> Self {
        let colon = row.iter().position(|&byte| byte == b':').unwrap_or(row.len());
        let value = row.get(colon + 1..).unwrap_or_default();
        Self { name: row[..colon].to_vec(), value: value.trim_ascii().to_vec() }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl<R: AsyncRead + Unpin> Wire<R> {
    /// A reader of `io`.
    pub const fn new(io: R) -> Self {
        Self { io, buffer: Vec::new(), start: 0 }
    }

    /// The reader itself; what was read too much is lost.
    pub fn into_inner(self) -> R {
        self.io
    }

    /// Reads one head; `None` when the peer closed before its first byte.
    ///
    /// # Errors
    /// The peer closed inside the head, or the connection failed.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        let mut searched = 0;
        loop {
            if let Some(end) = find_blank_line(&self.pending()[searched..]) {
                return Ok(Some(Head(self.take(searched + end))));
            }
            searched = self.pending().len().saturating_sub(3);
            if self.fill().await? == 0 {
                return if self.pending().is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads a body and keeps its first `keep` bytes. A body cut short is not an error but incomplete.
    ///
    /// # Errors
    /// A malformed chunk, or the connection failed (a reset is an error, an early end is not).
    pub async fn body(&mut self, framing: Framing, keep: usize) -> Result<Body> {
        let mut body = Body::default();
        body.complete = match framing {
            Framing::Length(len) => self.copy(len, keep, &mut body).await?,
            Framing::UntilClose => !self.copy(u64::MAX, keep, &mut body).await?,
            Framing::Chunked => self.chunks(keep, &mut body).await?,
        };
        Ok(body)
    }

    /// Reads some bytes, whatever they are; empty at the end.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn some(&mut self) -> Result<Vec<u8>> {
        if self.pending().is_empty() {
            self.fill().await?;
        }
        Ok(self.take(self.pending().len()))
    }

    async fn chunks(&mut self, keep: usize, body: &mut Body) -> Result<bool> {
        loop {
            let Some(line) = self.line().await? else { return Ok(false) };
            let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or_else(|| Error::new(ErrorKind::InvalidData, "malformed chunk size"))?;
            if size == 0 {
                while let Some(line) = self.line().await? {
                    if line.is_empty() {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            if !self.copy(size, keep, body).await? || self.line().await?.is_none() {
                return Ok(false);
            }
        }
    }

    async fn copy(&mut self, len: u64, keep: usize, body: &mut Body) -> Result<bool> {
        let mut left = len;
        while left > 0 {
            if self.pending().is_empty() && self.fill().await? == 0 {
                return Ok(false);
            }
            let n = (self.pending().len() as u64).min(left) as usize;
            let room = keep.saturating_sub(body.bytes.len()).min(n);
            body.bytes.extend_from_slice(&self.buffer[self.start..self.start + room]);
            self.start += n;
            body.len += n as u64;
            left -= n as u64;
        }
        Ok(true)
    }

    async fn line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.pending().iter().position(|&byte| byte == b'\n') {
                let line = self.take(end + 1);
                return Ok(Some(line.trim_ascii_end().to_vec()));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let taken = self.buffer[self.start..self.start + len].to_vec();
        self.start += len;
        taken
    }

    async fn fill(&mut self) -> Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(64 * 1024);
        self.io.read_buf(&mut self.buffer).await
    }
}

/// The length of `bytes` up to and with the first blank line.
fn find_blank_line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}
