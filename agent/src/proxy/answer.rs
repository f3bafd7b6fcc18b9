//! The proxy's own answers: a status and one plain sentence, without addresses or causes.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

/// Answers with `status` unless an answer was begun already; the connection is closed after it.
///
/// # Errors
/// When the client is gone.
pub(super) async fn answer(session: &mut Session, status: u16, sentence: &str) -> Result<()> {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let body = format!("{status} {}: {sentence}\n", reason.unwrap_or("Error"));
    let mut response = ResponseHeader::build(status, Some(4))?;
    response.insert_header(CONTENT_TYPE, "text/plain; charset=utf-8")?;
    response.insert_header(CONTENT_LENGTH, body.len())?;
    response.insert_header(CACHE_CONTROL, "no-store")?;
    let head_only = session.req_header().method == http::Method::HEAD;
    let body = if head_only { Bytes::new() } else { Bytes::from(body) };
    session.as_downstream_mut().write_error_response(response, body).await
}
