//! Traffic whose every byte follows from a seed, both ends in this process: requests and answers of every framing, read
//! and written by every system call that programs use for it, uploads, tunnels of bytes that are no HTTP, and TLS. Each
//! end makes a digest of what it sent and received, so that two runs can be compared.

mod answering;
mod asking;
mod digest;
mod pieces;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

pub use digest::Digest;

use crate::random::Random;
use crate::tls::{Authority, TlsFront};

/// How much.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// What all of it follows from.
    pub seed: u64,
    /// Connections at the same time.
    pub connections: usize,
    /// Requests on all connections in clear text together.
    pub requests: usize,
    /// Requests on a connection before the next one takes its place.
    pub each: usize,
    /// Whether several requests are sent at once now and then. One behind long content is not observed.
    pub pipelining: bool,
    /// Tunnels after an upgrade, each of some hundred kilobytes, and as many connections with TLS.
    pub tunnels: usize,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Happened {
    /// Of all bytes, both ways, as the clients saw them.
    pub clients: Digest,
    /// The same as the servers saw them; those of TLS are left out.
    pub servers: Digest,
    /// Bytes both ways, as the clients saw them.
    pub bytes: u64,
    /// Requests in clear text, by the client's port. A port is used once.
    pub requests: Vec<(u16, usize)>,
    /// What went wrong.
    pub failures: Vec<String>,
}

/// How long an exchange took at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// Everything.
    pub all: Duration,
    /// The slowest connection, by request.
    pub slowest: Duration,
}

impl Traffic {
    /// Sends it all.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn run(&self) -> (Happened, Took) {
        let began = Instant::now();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let connections = self.requests.div_ceil(self.each);
        let clear = connections + self.tunnels;
        let server = std::thread::spawn(move || answering::serve(&listener, clear));
        let mut happened = Happened::default();
        let mut slowest = Duration::ZERO;
        let kinds =
            (0..connections).map(|number| (number, false)).chain((connections..clear).map(|number| (number, true)));
        let mut left: Vec<(usize, bool)> = kinds.collect();
        left.reverse();
        let left = std::sync::Mutex::new(left);
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..self.connections).map(|_| scope.spawn(|| self.client(address, &left))).collect();
            for client in clients {
                let (part, slow) = client.join().expect("a client ends");
                happened.add(part);
                slowest = slowest.max(slow);
            }
        });
        happened.servers = server.join().expect("the server ends");
        happened.add(self.secured());
        happened.requests.sort_unstable();
        (happened, Took { all: began.elapsed(), slowest })
    }

    /// Connections one after the other, until none is left.
    fn client(&self, address: SocketAddr, left: &std::sync::Mutex<Vec<(usize, bool)>>) -> (Happened, Duration) {
        let (mut happened, mut slowest) = (Happened::default(), Duration::ZERO);
        loop {
            let next = left.lock().expect("no poison").pop();
            let Some((number, tunnel)) = next else { return (happened, slowest) };
            let random = Random::new(self.seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9));
            let requests = if tunnel { 1 } else { self.each.min(self.requests - number * self.each) };
            match asking::connection(address, random, (requests, self.pipelining), tunnel) {
                Ok(done) => {
                    slowest = slowest.max(done.slowest);
                    happened.requests.push((done.port, requests));
                    happened.clients.join(done.digest);
                    happened.bytes += done.bytes;
                }
                Err(error) => happened.failures.push(format!("connection {number}: {error}")),
            }
        }
    }

    /// The same kind of requests inside of TLS, to a server of their own.
    fn secured(&self) -> Happened {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (authority, tunnels) = (Authority::new("traffic"), self.tunnels);
        let server = std::thread::spawn(move || answering::serve(&listener, tunnels));
        let front = TlsFront::before(address, &authority, &["127.0.0.1"]);
        let mut happened = Happened::default();
        for number in 0..tunnels {
            let random = Random::new(self.seed ^ (number as u64 + 1).wrapping_mul(0x51ed_270b));
            match asking::secured(front.addr(), &authority.file(), random, self.each) {
                Ok(done) => {
                    happened.clients.join(done.digest);
                    happened.bytes += done.bytes;
                }
                Err(error) => happened.failures.push(format!("TLS connection {number}: {error}")),
            }
        }
        let _ = server.join();
        happened
    }
}

impl Happened {
    /// Requests in clear text.
    #[must_use]
    pub fn count(&self) -> usize {
        self.requests.iter().map(|(_, requests)| requests).sum()
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.clients.join(other.clients);
        self.servers.join(other.servers);
        self.bytes += other.bytes;
        self.requests.extend(other.requests);
        self.failures.extend(other.failures);
    }
}
