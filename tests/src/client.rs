//! A client that sends exactly the bytes it is given, and reads what comes back.

use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::message::{Body, Framing, Head, Wire};
use crate::wait::within;

/// How much of an answer's body is kept.
const KEEP: usize = 1 << 20;

/// One connection.
#[derive(Debug)]
pub struct Client {
    wire: Wire<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The heads with a 1xx status that came before it (101 is not among them).
    pub interim: Vec<Head>,
    /// The head of the answer.
    pub head: Head,
    /// Its body.
    pub body: Body,
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.bytes).into_owned()
    }

    /// Whether the server said that it closes.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.head.value("connection").eq_ignore_ascii_case("close")
    }
}

/// A request head for `method` and `path` with `Host` and these headers, blank line included.
#[must_use]
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: service.test\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A GET for `path` with these headers.
#[must_use]
pub fn get(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    head("GET", path, headers)
}

/// Sends one request on a connection of its own and reads the answer.
///
/// # Panics
/// When there is no answer.
pub async fn ask(addr: SocketAddr, request: &[u8]) -> Response {
    let mut client = Client::connect(addr).await;
    client.send(request).await;
    client.answer_to(request).await
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).await.unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}"))
    }

    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub async fn try_connect(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self { wire: Wire::new(read), write })
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// When the connection fails.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("the connection takes the request");
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> Result<()> {
        within("the peer to take bytes", self.write.write_all(bytes)).await
    }

    /// Sends these bytes one at a time with a pause before each.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn drip(&mut self, bytes: &[u8], pause: Duration) -> Result<()> {
        for byte in bytes {
            tokio::time::sleep(pause).await;
            self.write.write_all(&[*byte]).await?;
        }
        Ok(())
    }

    /// Sends `len` zero bytes.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn send_zeros(&mut self, len: u64) -> Result<()> {
        crate::answer::write_zeros(&mut self.write, len).await
    }

    /// Closes the sending side only.
    ///
    /// # Panics
    /// When the connection has failed.
    pub async fn half_close(&mut self) {
        self.write.shutdown().await.expect("the connection is there to be half-closed");
    }

    /// Closes with a reset.
    ///
    /// # Panics
    /// When the halves do not belong together, which cannot be.
    pub fn reset(self) {
        let stream = self.wire.into_inner().reunite(self.write).expect("both halves are of one stream");
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket takes SO_LINGER");
    }

    /// Reads the answer to `request`, which says whether it is HEAD.
    ///
    /// # Panics
    /// When there is none.
    pub async fn answer_to(&mut self, request: &[u8]) -> Response {
        let response = self.try_answer(request.starts_with(b"HEAD ")).await;
        response.unwrap_or_else(|error| panic!("no answer to {}: {error}", request.escape_ascii()))
    }

    /// Reads the answer to a request that is not HEAD.
    ///
    /// # Panics
    /// When there is none.
    pub async fn answer(&mut self) -> Response {
        self.try_answer(false).await.expect("there is an answer")
    }

    /// Reads an answer. A body that is cut short is not an error.
    ///
    /// # Errors
    /// The connection ended before a complete head (`UnexpectedEof`), or failed.
    pub async fn try_answer(&mut self, to_head: bool) -> Result<Response> {
        within("an answer", self.read_answer(to_head)).await
    }

    /// Reads an answer, however long it takes as a whole.
    ///
    /// # Errors
    /// The connection ended before a complete head, or failed.
    pub async fn patient_answer(&mut self) -> Result<Response> {
        self.read_answer(false).await
    }

    /// Reads some bytes, whatever they are; empty at the end.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn some(&mut self) -> Result<Vec<u8>> {
        within("bytes or the end of the connection", self.wire.some()).await
    }

    /// Whether the peer has closed: reads until it has, and says whether nothing came before.
    pub async fn is_closed(&mut self) -> bool {
        self.some().await.map_or(true, |bytes| bytes.is_empty())
    }

    async fn read_answer(&mut self, to_head: bool) -> Result<Response> {
        let mut interim = Vec::new();
        loop {
            let head = self.wire.head().await?.ok_or(ErrorKind::UnexpectedEof)?;
            let status = head.status();
            if (100..200).contains(&status) && status != 101 {
                interim.push(head);
                continue;
            }
            let bodiless = to_head || matches!(status, 101 | 204 | 304);
            let framing = if bodiless { Framing::Length(0) } else { head.framing(Framing::UntilClose) };
            let body = self.wire.body(framing, KEEP).await?;
            return Ok(Response { interim, head, body });
        }
    }
}
