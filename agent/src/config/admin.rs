//! Where health, metrics and reports are served, and who may see them.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::ConfigError;
use super::export::Secret;

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What a request has to present to see more than `/livez` and `/readyz`.
    pub token: Option<Token>,
}

/// A bearer token, and the file it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The file.
    pub file: PathBuf,
    /// What it holds.
    pub secret: Secret,
}

/// Where an agent serves it by default.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);

/// A shorter token could be guessed.
const SHORTEST_TOKEN: usize = 16;

impl AdminConfig {
    /// A listener without a token, which is meant for loopback addresses.
    #[must_use]
    pub const fn open(listen: SocketAddr) -> Self {
        Self { listen, token: None }
    }

    /// Other machines are asked for a token. `setting` names where the address comes from.
    ///
    /// # Errors
    /// An address that other machines reach, and no token.
    pub fn check(&self, setting: &str) -> Result<(), ConfigError> {
        if self.token.is_some() || self.listen.ip().is_loopback() {
            return Ok(());
        }
        Err(ConfigError {
            setting: setting.to_owned(),
            problem: format!("{} can be reached from other machines", self.listen),
            remedy: "choose a loopback address, for example 127.0.0.1:9464, or name a token_file in the configuration \
                     file"
                .to_owned(),
        })
    }
}

/// The token that a file holds: its first line without white space around it.
///
/// # Errors
/// A sentence without the token.
pub(super) fn token(text: &str) -> Result<Secret, &'static str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (token, more) = (lines.next().unwrap_or_default(), lines.next());
    if more.is_some() {
        return Err("holds more than one line");
    }
    if token.len() < SHORTEST_TOKEN {
        return Err("holds a token of fewer than 16 characters");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a token with characters that no header may have");
    }
    Ok(Secret::new(token.to_owned()))
}
