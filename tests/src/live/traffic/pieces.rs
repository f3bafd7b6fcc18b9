//! Reading and writing in every way that programs do: whole, in pieces, from several buffers, from a file.

use std::io::{IoSlice, Read, Result, Seek as _, SeekFrom, Write};
use std::net::TcpStream;

use super::digest::Stream;
use crate::random::Random;

/// A stream that keeps a digest of both directions.
#[derive(Debug)]
pub(super) struct Counted<S> {
    pub(super) stream: S,
    pub(super) read: Stream,
    pub(super) written: Stream,
    pub(super) bytes: u64,
    /// Read and not yet taken.
    pub(super) waiting: Vec<u8>,
}

/// Writes these bytes in a way that chance chooses.
pub(super) fn write_clear(to: &mut Counted<TcpStream>, bytes: &[u8], random: &mut Random) -> Result<()> {
    match random.below(10) {
        0..=4 => to.stream.write_all(bytes)?,
        5 | 6 => {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(1 + random.below(rest.len().max(64))));
                to.stream.write_all(piece)?;
                rest = after;
            }
        }
        7 | 8 => {
            let mut written = 0;
            while written < bytes.len() {
                let rest = &bytes[written..];
                let cuts = [random.below(rest.len() + 1), random.below(rest.len() + 1)];
                let (low, high) = (cuts[0].min(cuts[1]), cuts[0].max(cuts[1]));
                let parts = [IoSlice::new(&rest[..low]), IoSlice::new(&rest[low..high]), IoSlice::new(&rest[high..])];
                written += to.stream.write_vectored(&parts)?;
            }
        }
        // From a file: the standard library has the kernel copy it (`sendfile`).
        _ => {
            let mut file = tempfile::tempfile()?;
            file.write_all(bytes)?;
            file.seek(SeekFrom::Start(0))?;
            std::io::copy(&mut file, &mut to.stream)?;
        }
    }
    to.wrote(bytes);
    Ok(())
}

impl<S: Read + Write> Counted<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, read: Stream::new(), written: Stream::new(), bytes: 0, waiting: Vec::new() }
    }

    pub(super) fn wrote(&mut self, bytes: &[u8]) {
        self.written.take(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Reads until a head is there, and takes it; empty at the end of the stream.
    pub(super) fn head(&mut self) -> Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            let from = looked.min(self.waiting.len());
            if let Some(at) = self.waiting[from..].windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(self.waiting.drain(..from + at + 4).collect());
            }
            looked = self.waiting.len().saturating_sub(3);
            if !self.more()? {
                return Ok(Vec::new());
            }
        }
    }

    /// Takes this many bytes.
    pub(super) fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.waiting.len() < length {
            if !self.more()? {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.waiting.drain(..length).collect())
    }

    /// Takes a chunked body, and gives its content.
    pub(super) fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            content.extend(self.exactly(size)?);
            self.exactly(2)?;
            if size == 0 {
                return Ok(content);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.waiting.iter().position(|byte| *byte == b'\n') {
                return Ok(String::from_utf8_lossy(&self.waiting.drain(..=at).collect::<Vec<u8>>()).into_owned());
            }
            if !self.more()? {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn more(&mut self) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let read = self.stream.read(&mut buffer)?;
        self.read.take(&buffer[..read]);
        self.bytes += read as u64;
        self.waiting.extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    }
}

/// As a chunked body.
pub(super) fn chunked(content: &[u8], random: &mut Random) -> Vec<u8> {
    let (mut body, mut rest) = (Vec::new(), content);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(1 + random.below(8000)));
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
        rest = after;
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// Bytes that chance chooses: mostly a few, now and then a hundred kilobytes.
pub(super) fn content(random: &mut Random) -> Vec<u8> {
    let length = match random.below(100) {
        0..=69 => random.below(300),
        70..=96 => random.below(5000),
        97 | 98 => random.below(40_000),
        _ => random.below(200_000),
    };
    noise(random, length)
}

/// This many bytes.
pub(super) fn noise(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.bits().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
