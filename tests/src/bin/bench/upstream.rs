//! The service behind: answers every request with the same bytes, as fast as can be.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// 64 bytes.
pub(crate) const BODY: &[u8; 64] = b"{\"cart\":[{\"item\":42,\"count\":1,\"price\":\"9.99\"}],\"currency\":\"eur\"}";

/// Starts it on the current runtime.
pub(crate) async fn start() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The proxy closes when it likes; there is nothing to tell.
                let _ = answer_all(stream).await;
            });
        }
    });
    Ok(address)
}

async fn answer_all(mut stream: TcpStream) -> std::io::Result<()> {
    let mut answer = b"HTTP/1.1 200 OK\r\n\
        Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
        Server: bench\r\n\
        Content-Type: application/json\r\n\
        Content-Length: 64\r\n\r\n"
        .to_vec();
    answer.extend_from_slice(BODY);
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(2048);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        stream.write_all(&answer).await?;
    }
}
