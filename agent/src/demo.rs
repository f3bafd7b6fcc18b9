//! The demonstration: three services that know nothing of tracing, two of which break the trace, an agent with a proxy
//! before each, and the kernel probe where the machine allows it, one collector; the traces as waterfalls, and the report
//! that names the two. Loopback only; no account, no root; nothing is left running.
//!
//! It shows nothing that it has not checked: its figures come from the services' own logs and from the bytes the
//! collector received, and the report is compared with what the services were told to do.

mod children;
mod client;
mod collector;
mod plan;
mod service;
mod stage;
mod stdin;
mod story;
mod traffic;
mod verify;
mod waterfall;

use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use service::{ServiceOptions, run_service};
pub use stdin::stdin_closed;
pub use waterfall::Look;

/// What the subcommand `demo` was told.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Chooses ids, order and delays, and which service breaks the trace; the same seed sends the same requests.
    pub seed: u64,
    /// Requests of one round, 1 to 600; four in ten are marked. Further rounds follow, two at most, while the report is not
    /// sure of everything.
    pub requests: u32,
    /// A service to kill before the first request: `shop`, `cart` or `stock`.
    pub kill: Option<String>,
    /// Where to leave the services' logs and the collector's bytes: a folder that is new or empty. Without it they go to a
    /// temporary folder that is removed.
    pub keep: Option<PathBuf>,
    /// What stdout can show.
    pub look: Look,
    /// Whether stderr is a terminal, so that a line of progress makes sense.
    pub progress: bool,
}

impl DemoOptions {
    /// The requests sent when none are asked for.
    pub const REQUESTS: u32 = 150;
    /// The most requests.
    pub const MOST_REQUESTS: u32 = 600;
}

/// Rounds of requests at most.
const ROUNDS: u32 = 3;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything shown was checked and is right.
    Right,
    /// Something was not as it should be; it has been said what.
    Wrong,
}

/// Why the demonstration could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A service that does not exist.
    #[error("--kill {0}: there is no such service; there are shop, cart and stock")]
    UnknownService(String),
    /// Too few or too many requests.
    #[error("--requests {0}: must be 1 to {max}", max = DemoOptions::MOST_REQUESTS)]
    Requests(u32),
    /// The folder to keep files in.
    #[error("--keep {}: {problem}; name a new or empty folder", path.display())]
    Keep {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A process or listener that did not start.
    #[error("{what} did not start: {cause}")]
    Start {
        /// Which one.
        what: String,
        /// Why.
        cause: Error,
    },
    /// A file that could not be written or read, or stdout.
    #[error("{what}: {cause}")]
    File {
        /// Which one.
        what: String,
        /// Why.
        cause: Error,
    },
    /// Ctrl-C, SIGTERM or SIGHUP.
    #[error("interrupted; everything that was started has been ended")]
    Interrupted,
}

impl DemoError {
    /// Whether other arguments would help.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownService(_) | Self::Requests(_) | Self::Keep { .. })
    }
}

/// Runs the demonstration: results to `out`, progress to `messages`.
///
/// # Errors
/// Arguments that cannot be used, a process that does not start, files that cannot be written, an interruption. All
/// processes have ended by then.
pub fn run(options: &DemoOptions, out: &mut dyn Write, messages: &mut dyn Write) -> Result<Outcome, DemoError> {
    if !(1..=DemoOptions::MOST_REQUESTS).contains(&options.requests) {
        return Err(DemoError::Requests(options.requests));
    }
    let killed = match &options.kill {
        Some(name) => {
            let known = plan::SERVICES.into_iter().find(|service| service == name);
            Some(known.ok_or_else(|| DemoError::UnknownService(name.clone()))?)
        }
        None => None,
    };
    let cannot = |cause| DemoError::Start { what: "the demonstration".to_owned(), cause };
    let folder = match &options.keep {
        Some(path) => Folder::Kept(empty(path)?),
        None => Folder::Temporary(tempfile::Builder::new().prefix("throughline-demo-").tempdir().map_err(cannot)?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let requests = plan::requests(options.requests * ROUNDS, options.seed);
    let mut progress = |done: usize| {
        if options.progress {
            // Progress that cannot be shown is no reason to stop.
            let round = options.requests as usize;
            let due = done.next_multiple_of(round.max(1));
            let _ = write!(messages, "\r\x1b[Ksending {done}/{due}");
            let _ = if done == due { write!(messages, "\r\x1b[K") } else { Ok(()) };
            let _ = messages.flush();
        }
    };
    let manners = plan::Manners::of(options.seed);
    let round = options.requests as usize;
    let cast = stage::Cast { folder: folder.path(), seed: options.seed, manners, killed, round };
    let seen = runtime.block_on(stage::play(&cast, &requests, &mut progress))?;
    let requests = requests.get(..seen.sent).unwrap_or_default();
    let mut page = Vec::new();
    let told = story::tell(&seen, requests, killed, options, &mut page);
    match told.and_then(|outcome| out.write_all(&page).and_then(|()| out.flush()).map(|()| outcome)) {
        // Whoever reads has seen enough, as with `| head`.
        Err(cause) if cause.kind() == ErrorKind::BrokenPipe => Ok(Outcome::Right),
        told => told.map_err(|cause| DemoError::File { what: "stdout".to_owned(), cause }),
    }
}

/// Where files go.
enum Folder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// The folder, made if need be, as an absolute path.
fn empty(path: &Path) -> Result<PathBuf, DemoError> {
    let refuse = |problem: String| DemoError::Keep { path: path.to_owned(), problem };
    let cannot = |cause: Error| refuse(cause.to_string());
    std::fs::create_dir_all(path).map_err(cannot)?;
    if std::fs::read_dir(path).map_err(cannot)?.next().is_some() {
        return Err(refuse("it is not empty".to_owned()));
    }
    path.canonicalize().map_err(cannot)
}
