//! One request on one connection by one thread, from the head's first byte to the answer's last.

use std::io::{Read as _, Result, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::message::{ANSWER, Request, request, whole};
use super::peer::Peer;
use super::{Options, Propagation};
use crate::random::Random;

/// What the threads of a process share.
#[derive(Debug)]
pub(super) struct Service {
    peer: Option<Peer>,
    propagation: Propagation,
    after: bool,
    slowest: Duration,
    chance: Mutex<Random>,
}

/// A client's connection, and what was read of its next request.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Service {
    /// `keeps`: whether connections to the peer are used again.
    pub(super) fn new(options: &Options, keeps: bool) -> Self {
        let peer = options.calls.clone().map(|(address, path)| Peer::new(address, path, keeps));
        Self {
            peer,
            propagation: Propagation::new(options.context),
            after: options.after,
            slowest: options.slowest,
            chance: Mutex::new(super::chance()),
        }
    }

    /// Serves the next request; tells whether the connection can have another.
    pub(super) fn serve(&self, connection: &mut Connection) -> Result<bool> {
        let Some(request) = connection.next()? else { return Ok(false) };
        if self.after {
            connection.stream.write_all(ANSWER)?;
            self.work(&request)?;
        } else {
            self.work(&request)?;
            connection.stream.write_all(ANSWER)?;
        }
        Ok(!request.closes)
    }

    /// Calls that belong to no request, for ever.
    pub(super) fn poll(&self, rate: f64) {
        for number in 0_u64.. {
            std::thread::sleep(Duration::from_secs_f64(1.0 / rate));
            if let Some(peer) = &self.peer {
                let _ = peer.call(&number.to_string(), "");
            }
        }
    }

    fn work(&self, request: &Request) -> Result<()> {
        match &self.peer {
            _ if request.health => Ok(()),
            Some(peer) => peer.call(&request.identifier, &self.propagation.lines(request)),
            None => {
                let most = self.slowest.as_micros() as usize;
                let wait = self.chance.lock().unwrap_or_else(PoisonError::into_inner).below(most);
                std::thread::sleep(Duration::from_micros(wait as u64));
                Ok(())
            }
        }
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, read: Vec::new() }
    }

    /// The next request, or the end.
    fn next(&mut self) -> Result<Option<Request>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(length) = whole(&self.read) {
                let rest = self.read.split_off(length);
                let message = std::mem::replace(&mut self.read, rest);
                return Ok(Some(request(&message)));
            }
            match self.stream.read(&mut buffer)? {
                0 => return Ok(None),
                read => self.read.extend_from_slice(&buffer[..read]),
            }
        }
    }
}
