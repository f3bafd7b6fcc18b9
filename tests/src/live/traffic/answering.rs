//! The server's end: answers that follow from the request, so that both ends need no more than a seed in common.

use std::io::Result;
use std::net::{TcpListener, TcpStream};

use super::digest::{Digest, Stream};
use super::pieces::{Counted, chunked, content, write_clear};
use crate::random::Random;

/// Serves this many connections, a thread for each, to their ends.
pub(super) fn serve(listener: &TcpListener, connections: usize) -> Digest {
    let threads: Vec<_> = listener
        .incoming()
        .take(connections)
        .flatten()
        .map(|stream| std::thread::spawn(move || connection(stream)))
        .collect();
    let mut digest = Digest::default();
    for thread in threads {
        digest.join(thread.join().expect("a connection's thread ends"));
    }
    digest
}

fn connection(stream: TcpStream) -> Digest {
    let _ = stream.set_nodelay(true);
    let mut counted = Counted::new(stream);
    // The other end says what went wrong.
    while let Ok(true) = one(&mut counted) {}
    Digest { asked: counted.read.value(), answered: counted.written.value() }
}

/// Answers one request; tells whether there may be another.
fn one(counted: &mut Counted<TcpStream>) -> Result<bool> {
    let head = counted.head()?;
    if head.is_empty() {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if text.contains("upgrade: websocket") {
        let mut random = Random::new(1);
        write_clear(
            counted,
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            &mut random,
        )?;
        return tunnel(counted);
    }
    let body = if text.contains("transfer-encoding: chunked") {
        counted.chunks()?
    } else {
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        counted.exactly(length.unwrap_or(0))?
    };
    let mut seed = Stream::new();
    seed.take(&head);
    seed.take(&body);
    let mut random = Random::new(seed.value());
    let answer = answer(&text, &mut random);
    write_clear(counted, &answer, &mut random)?;
    Ok(true)
}

fn answer(request: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    if random.percent(3) {
        bytes.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    }
    let bodiless = request.starts_with("head ");
    let content = content(random);
    match random.below(20) {
        0 => bytes.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n"),
        1 => bytes.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n"),
        2..=6 if !bodiless => {
            bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            bytes.extend(chunked(&content, random));
        }
        _ => {
            bytes.extend_from_slice(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len()).as_bytes());
            if !bodiless {
                bytes.extend_from_slice(&content);
            }
        }
    }
    bytes
}

/// Everything comes back until the end.
fn tunnel(counted: &mut Counted<TcpStream>) -> Result<bool> {
    let mut random = Random::new(2);
    loop {
        if counted.waiting.is_empty() {
            let first = counted.exactly(1);
            let Ok(first) = first else { return Ok(false) };
            counted.waiting.splice(0..0, first);
        }
        let bytes = std::mem::take(&mut counted.waiting);
        write_clear(counted, &bytes, &mut random)?;
    }
}
