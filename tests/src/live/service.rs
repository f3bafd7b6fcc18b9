//! A small HTTP service that calls another one, in four shapes that services have: a thread for each connection, an
//! event loop on one thread, a pool of threads that take requests in turn, and processes forked ahead. Blocking reads
//! and writes and nothing clever, because it is what the probe looks at. Without a peer it answers after a random while.

mod blocking;
mod event_loop;
mod message;
mod models;
mod peer;
mod propagation;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::random::Random;
pub use propagation::Context;
use propagation::Propagation;

/// Which shape a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// A thread for each connection.
    Threads,
    /// One thread that waits for all connections at once.
    Loop,
    /// Threads that take one request each, whichever connection it comes on.
    Pool,
    /// Processes that accept from one socket.
    Forked,
}

/// What a service is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its shape.
    pub model: Model,
    /// Whom it calls, and the path before the identifier.
    pub calls: Option<(SocketAddr, String)>,
    /// What its calls bear.
    pub context: Context,
    /// Whether it calls when the answer is written, not before.
    pub after: bool,
    /// Calls a second that belong to no request.
    pub polls: f64,
    /// Without a peer, how long an answer takes at most.
    pub slowest: Duration,
    /// Set in the processes that were forked ahead: their listener is their standard input.
    pub inherited: bool,
}

/// Every model by its name.
pub const MODELS: [(&str, Model); 4] =
    [("threads", Model::Threads), ("loop", Model::Loop), ("pool", Model::Pool), ("forked", Model::Forked)];

impl Options {
    /// Reads `--model M --calls ADDR/PATH --context C --after --polls N --slowest MS`.
    ///
    /// # Panics
    /// When a word makes no sense: a harness fails by panicking.
    #[must_use]
    pub fn parse(words: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            model: Model::Threads,
            calls: None,
            context: Context::Forward,
            after: false,
            polls: 0.0,
            slowest: Duration::from_millis(150),
            inherited: false,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--model" => {
                    let name = value();
                    options.model = MODELS.iter().find(|(known, _)| *known == name).expect("a model").1;
                }
                "--calls" => {
                    let text = value();
                    let (address, path) = text.split_once('/').expect("ADDRESS/PATH");
                    options.calls = Some((address.parse().expect("an address"), format!("/{path}")));
                }
                "--context" => options.context = Context::named(&value()),
                "--after" => options.after = true,
                "--polls" => options.polls = value().parse().expect("a rate"),
                "--slowest" => options.slowest = Duration::from_millis(value().parse().expect("milliseconds")),
                "--inherited" => options.inherited = true,
                other => panic!("{other} is no option"),
            }
        }
        options
    }
}

/// Listens, says where, and serves for ever.
///
/// # Panics
/// When it cannot.
#[expect(clippy::print_stdout, reason = "where it listens is read from there")]
pub fn run(options: &Options) {
    if options.inherited {
        return models::forked_child(options);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let said = move || println!("listening on {address}");
    match options.model {
        Model::Threads => models::threads(options, &listener, said),
        Model::Pool => models::pool(options, &listener, said),
        Model::Forked => models::forked(options, &listener, said),
        Model::Loop => event_loop::run(options, listener, said),
    }
}

/// A generator for this process.
fn chance() -> Random {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Random::new((now.as_nanos() as u64) ^ (u64::from(std::process::id()) << 32))
}
