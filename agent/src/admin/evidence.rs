//! What was observed, the report on it, and what the probe says of itself: `/v1/observations`, `/v1/report`, `/v1/probe`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::gap::ndjson;
use crate::report::json;
use crate::report::ledger::ProbeLedger;
use crate::report::model::Report;
use crate::store::recent::{Cursor, Recent};

/// Bytes sent at once.
const PIECE: usize = 64 * 1024;

/// Where the pages come from.
#[derive(Clone)]
pub struct Evidence {
    /// The last observations.
    pub recent: Recent,
    /// Called for each `/v1/report`; may take long.
    pub report: Arc<dyn Fn() -> Report + Send + Sync>,
    /// Called for each `/v1/probe`; none where no probe was asked for.
    pub probe: Arc<dyn Fn() -> Option<ProbeLedger> + Send + Sync>,
}

/// The pages.
pub fn pages(evidence: Evidence) -> Router {
    Router::new()
        .route("/v1/observations", get(observations))
        .route("/v1/report", get(report))
        .route("/v1/probe", get(probe))
        .with_state(evidence)
}

/// A recording of what is remembered, in pieces. `since` (nanoseconds since the Unix epoch) leaves out what was over by
/// then.
async fn observations(State(evidence): State<Evidence>, RawQuery(query): RawQuery) -> Response {
    let since = match since(query.as_deref().unwrap_or_default()) {
        Ok(since) => since,
        Err(sentence) => return (StatusCode::BAD_REQUEST, sentence).into_response(),
    };
    let mut head = Vec::new();
    ndjson::write_header(&mut head);
    let mut cursor = Cursor::default();
    let rest = std::iter::from_fn(move || {
        let lines = evidence.recent.read(since, &mut cursor, PIECE);
        (!lines.is_empty()).then_some(lines)
    });
    let pieces = std::iter::once(head).chain(rest).map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

async fn report(State(evidence): State<Evidence>) -> Response {
    let made = tokio::task::spawn_blocking(move || json::render(&(evidence.report)())).await;
    match made {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the report could not be made\n").into_response(),
    }
}

async fn probe(State(evidence): State<Evidence>) -> Response {
    let Some(ledger) = (evidence.probe)() else {
        return (StatusCode::NOT_FOUND, "no probe was asked for\n").into_response();
    };
    match json::render(&ledger) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn since(query: &str) -> Result<u64, String> {
    let mut since = 0;
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match (key, value.parse()) {
            ("since", Ok(number)) => since = number,
            ("since", Err(_)) => {
                return Err(format!(
                    "since={value}: write nanoseconds since the Unix epoch, for example {}\n",
                    1_700_000_000_000_000_000_u64
                ));
            }
            _ => return Err(format!("{key}: there is no such parameter; there is since\n")),
        }
    }
    Ok(since)
}

#[cfg(test)]
mod tests {
    use super::since;

    #[test]
    fn queries() {
        for (query, expected, reason) in [
            ("", Some(0), "everything"),
            ("since=5", Some(5), "a time"),
            ("since=now", None, "no number"),
            ("since=-1", None, "before the epoch"),
            ("until=5", None, "no such parameter: it would be ignored"),
        ] {
            assert_eq!(since(query).ok(), expected, "{reason}");
        }
    }
}
