//! A cell of the matrix: one server in one mode, and what is so true of its calls.

use crate::live::service::{MODELS, Model};

/// What a service does wrong, or right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Copies the context.
    Forward,
    /// Loses it.
    Drop,
    /// Loses the mark.
    Traceparent,
    /// Begins another trace.
    Restart,
    /// Sends the context of the first request for ever.
    Stale,
    /// Loses it in calls that are made when the answer is written.
    After,
    /// Copies it, and makes calls that belong to no request.
    Polls,
}

/// All of them.
pub const MODES: [Mode; 7] =
    [Mode::Forward, Mode::Drop, Mode::Traceparent, Mode::Restart, Mode::Stale, Mode::After, Mode::Polls];

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// One of this workspace.
    Own(Model),
    /// Flask under Werkzeug's threads, with requests.
    Flask,
    /// gunicorn's processes with Flask.
    Gunicorn,
    /// aiohttp on both sides.
    Aiohttp,
    /// Node.js with its own client.
    NodeHttp,
    /// Node.js with undici, by way of `fetch`.
    NodeFetch,
    /// The JDK's server on a pool of threads, with its client.
    Jdk,
    /// nginx as a relay.
    Nginx,
}

/// Servers that are not of this workspace.
pub const REAL: [Server; 7] =
    [Server::Flask, Server::Gunicorn, Server::Aiohttp, Server::NodeHttp, Server::NodeFetch, Server::Jdk, Server::Nginx];

/// One server in one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The server.
    pub server: Server,
    /// The mode.
    pub mode: Mode,
}

/// What has to be found at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// That context and mark arrive.
    Forwards,
    /// This code, and how sure.
    Breaks(&'static str, Sure),
    /// Nothing may be wrong; more is not asked for.
    NothingWrong,
}

/// How sure a finding has to be at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// Shown, and never fails a build.
    Possible,
    /// Beyond chance.
    Likely,
    /// Seen.
    Confirmed,
}

impl Mode {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Drop => "drop",
            Self::Traceparent => "traceparent",
            Self::Restart => "restart",
            Self::Stale => "stale",
            Self::After => "after",
            Self::Polls => "polls",
        }
    }

    /// What the service's calls bear, as its option says it.
    const fn context(self) -> &'static str {
        match self {
            Self::Forward | Self::Polls => "forward",
            Self::Drop | Self::After => "drop",
            Self::Traceparent => "traceparent",
            Self::Restart => "restart",
            Self::Stale => "stale",
        }
    }

    /// The options of a service in this mode.
    #[must_use]
    pub fn options(self) -> Vec<String> {
        let mut options = vec!["--context".to_owned(), self.context().to_owned()];
        if self == Self::After {
            options.push("--after".to_owned());
        }
        if self == Self::Polls {
            options.extend(["--polls".to_owned(), "5".to_owned()]);
        }
        options
    }

    /// The finding of severity error that is true of it.
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Drop => Some("G101"),
            Self::Restart => Some("G102"),
            Self::Traceparent => Some("G103"),
            Self::Stale => Some("G110"),
            Self::Forward | Self::After | Self::Polls => None,
        }
    }
}

impl Server {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own(model) => MODELS.iter().find(|(_, known)| *known == model).map_or("own", |(name, _)| name),
            Self::Flask => "flask",
            Self::Gunicorn => "gunicorn",
            Self::Aiohttp => "aiohttp",
            Self::NodeHttp => "node-http",
            Self::NodeFetch => "node-fetch",
            Self::Jdk => "jdk",
            Self::Nginx => "nginx",
        }
    }

    /// Whether the thread that reads a request makes its calls and writes the answer, and does nothing else meanwhile.
    #[must_use]
    pub const fn blocks(self) -> bool {
        match self {
            Self::Own(model) => !matches!(model, Model::Loop),
            Self::Flask | Self::Gunicorn => true,
            Self::Aiohttp | Self::NodeHttp | Self::NodeFetch | Self::Jdk | Self::Nginx => false,
        }
    }

    /// Whether it can be told to do this. nginx relays, and keeps nothing from one request to another; its copies of
    /// requests are its calls after the answer, and it makes none of its own.
    #[must_use]
    pub fn can(self, mode: Mode) -> bool {
        self != Self::Nginx || !matches!(mode, Mode::Stale | Mode::Polls | Mode::After)
    }
}

impl Cell {
    /// Every mode of these servers.
    #[must_use]
    pub fn all(servers: &[Server]) -> Vec<Self> {
        let each = MODES.iter().flat_map(|mode| servers.iter().map(|server| Self { server: *server, mode: *mode }));
        each.filter(|cell| cell.server.can(cell.mode)).collect()
    }

    /// Its name, which its service bears.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.server.name(), self.mode.name())
    }

    /// Codes that are true of its calls; another one is wrong. A context that is copied as it is, is G104 beside.
    #[must_use]
    pub fn codes(&self) -> Vec<&'static str> {
        let copied = matches!(self.mode, Mode::Forward | Mode::Traceparent | Mode::Polls | Mode::Stale);
        self.mode.code().into_iter().chain(copied.then_some("G104")).collect()
    }

    /// What has to be found. Proof by the trace id where that is kept, by the thread where threads block; by counting
    /// where calls bear nothing at all. Another trace-id counts for as much as none only where no other request is
    /// under way, so nothing is asked for where requests overlap.
    #[must_use]
    pub fn expects(&self) -> Expect {
        match (self.mode, self.mode.code()) {
            (Mode::After, _) => Expect::NothingWrong,
            (_, None) => Expect::Forwards,
            (Mode::Traceparent, Some(code)) => Expect::Breaks(code, Sure::Confirmed),
            (_, Some(code)) if self.server.blocks() => Expect::Breaks(code, Sure::Confirmed),
            (Mode::Drop, Some(code)) => Expect::Breaks(code, Sure::Likely),
            _ => Expect::NothingWrong,
        }
    }
}

impl Sure {
    /// As a report says it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "possible" => Some(Self::Possible),
            "likely" => Some(Self::Likely),
            "confirmed" => Some(Self::Confirmed),
            _ => None,
        }
    }
}
