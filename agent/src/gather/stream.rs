//! The bytes of one source, in pieces.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::client::{client, explain};
use super::place::Place;
use crate::report::source::{Problem, ProblemKind};

/// How much is read from a file at once, in bytes.
const PIECE: usize = 64 * 1024;
/// How long an agent may send nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// An open source.
pub(super) enum Stream {
    Agent(Response),
    Bytes(Box<dyn Read + Send>),
}

/// What agents are asked, and with what.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// Nothing older, in nanoseconds since the Unix epoch.
    pub(super) since: Option<u64>,
    pub(super) token: Option<String>,
}

impl Stream {
    pub(super) async fn open(place: &Place, request: &Request) -> Result<Self, Problem> {
        match place {
            Place::Agent(url) => ask(url, request).await.map(Self::Agent),
            Place::File(path) => {
                let file = File::open(path).map_err(|error| unreachable(&file_reason(error.kind(), &error)))?;
                if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                    return Err(unreachable("this is a folder, not a recording"));
                }
                Ok(Self::Bytes(Box::new(file)))
            }
            Place::Stdin => Ok(Self::Bytes(Box::new(std::io::stdin()))),
        }
    }

    /// The next bytes; none at the end.
    pub(super) async fn piece(&mut self) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Agent(answer) => match answer.chunk().await {
                Ok(chunk) => Ok(chunk.map(|bytes| bytes.to_vec()).unwrap_or_default()),
                Err(error) => Err(unreachable(&format!("broke off: {}", explain(&error)))),
            },
            Self::Bytes(bytes) => {
                let mut piece = vec![0; PIECE];
                loop {
                    match bytes.read(&mut piece) {
                        Ok(length) => {
                            piece.truncate(length);
                            return Ok(piece);
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(unreachable(&format!("cannot be read: {error}"))),
                    }
                }
            }
        }
    }
}

async fn ask(url: &Url, request: &Request) -> Result<Response, Problem> {
    let client: Client = client(url, SILENCE, None).map_err(|reason| unreachable(&reason))?;
    let mut target = url.clone();
    target.set_path("/v1/observations");
    target.set_query(request.since.map(|since| format!("since={since}")).as_deref());
    let mut asked = client.get(target);
    if let Some(token) = &request.token {
        asked = asked.bearer_auth(token);
    }
    let answer = asked.send().await.map_err(|error| unreachable(&why_not(&error)))?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let advice =
                if request.token.is_some() { "the token is refused" } else { "name its token with --token-file" };
            let detail = format!("answered {}; {advice}", answer.status().as_u16());
            Err(Problem { kind: ProblemKind::Unauthorised, count: 1, detail })
        }
        StatusCode::NOT_FOUND => {
            Err(unreachable("has no /v1/observations; is it the admin port of `throughline agent`, or of a proxy?"))
        }
        status => Err(unreachable(&format!("answered {}", status.as_u16()))),
    }
}

fn why_not(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let reason = explain(error);
    if error.is_connect() { format!("{reason}; does the agent run, and is this its admin port?") } else { reason }
}

fn file_reason(kind: ErrorKind, error: &std::io::Error) -> String {
    match kind {
        ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        ErrorKind::PermissionDenied => "may not be read by this user".to_owned(),
        _ => error.to_string(),
    }
}

fn unreachable(detail: &str) -> Problem {
    Problem { kind: ProblemKind::Unreachable, count: 1, detail: detail.to_owned() }
}
