//! One trace as rows in the order of a call tree. Pure: computes what is to be shown, knows nothing of terminals.
//!
//! Refuses nothing: spans without their parent, loops, clocks that run backwards and empty durations all get a row.

mod render;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::export::decode::{Kind, ReceivedSpan, Status, Value};
pub use render::Look;
pub(super) use render::render;

/// One trace, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waterfall {
    /// 32 hex digits.
    pub(super) trace_id: String,
    /// From the first start to the last end, in nanoseconds.
    pub(super) total: u64,
    /// Parents before children, siblings by start.
    pub(super) rows: Vec<Row>,
}

/// One span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// 0 for a span without a parent in this trace.
    pub(super) depth: usize,
    /// The service it belongs to.
    pub(super) service: String,
    /// Method and path of a request, or `attempt`.
    pub(super) label: String,
    /// Whether it is the receiving side of a request, as opposed to one attempt at the service behind.
    pub(super) server: bool,
    /// Nanoseconds since the start of the trace.
    pub(super) offset: u64,
    /// Nanoseconds; 0 where the end lies before the start.
    pub(super) duration: u64,
    /// The HTTP status, if there was an answer.
    pub(super) status: Option<u16>,
    /// Whether the span is an error.
    pub(super) failed: bool,
    /// Why there was no answer.
    pub(super) cause: Option<String>,
    /// Of an attempt that was answered: its id, which the service received as parent-id.
    pub(super) parent_id_sent: Option<String>,
    /// Whether it names a parent that is neither here nor the sender's own span.
    pub(super) orphan: bool,
}

/// The rows of one trace's spans. `outside` is the span id of the sender, which is nobody's loss.
pub(super) fn compute(trace_id: &[u8; 16], spans: &[&ReceivedSpan], outside: Option<[u8; 8]>) -> Waterfall {
    let start = spans.iter().map(|span| span.start_unix_nano).min().unwrap_or_default();
    let end = spans.iter().map(|span| span.end_unix_nano.max(span.start_unix_nano)).max().unwrap_or_default();
    let here: HashMap<[u8; 8], usize> = spans.iter().enumerate().map(|(n, span)| (span.span_id, n)).collect();

    let mut by_start: Vec<usize> = (0..spans.len()).collect();
    by_start.sort_by_key(|&n| spans.get(n).map(|span| (span.start_unix_nano, span.span_id)));
    let (mut roots, mut children) = (Vec::new(), HashMap::<usize, Vec<usize>>::new());
    for &n in &by_start {
        match spans.get(n).and_then(|span| span.parent_id).and_then(|parent| here.get(&parent)) {
            Some(&parent) if parent != n => children.entry(parent).or_default().push(n),
            _ => roots.push(n),
        }
    }

    // Spans that are each other's parents hang from no root: after the roots, whatever is left is a root too.
    let mut rows = Vec::with_capacity(spans.len());
    let mut seen = vec![false; spans.len()];
    for n in roots.into_iter().chain(by_start) {
        let mut stack = vec![(n, 0)];
        while let Some((n, depth)) = stack.pop() {
            let (Some(span), Some(seen)) = (spans.get(n), seen.get_mut(n)) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            let known = |parent| (here.contains_key(&parent) && parent != span.span_id) || Some(parent) == outside;
            rows.push(row(span, depth, start, span.parent_id.is_some_and(|parent| !known(parent))));
            stack.extend(children.get(&n).into_iter().flatten().rev().map(|&child| (child, depth + 1)));
        }
    }
    Waterfall { trace_id: hex(trace_id), total: end.saturating_sub(start), rows }
}

/// Lower-case hex, two digits a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The HTTP status on a span.
pub(super) fn http_status(span: &ReceivedSpan) -> Option<u16> {
    integer(span, "http.response.status_code").and_then(|status| u16::try_from(status).ok())
}

fn row(span: &ReceivedSpan, depth: usize, start: u64, orphan: bool) -> Row {
    let server = span.kind == Kind::Server;
    let status = http_status(span);
    let label = match (server, integer(span, "http.request.resend_count")) {
        (true, _) => {
            format!(
                "{} {}",
                span.text("http.request.method").unwrap_or(&span.name),
                span.text("url.path").unwrap_or("")
            )
        }
        (false, Some(resent)) if resent > 0 => format!("attempt {}", resent.saturating_add(1)),
        (false, _) => "attempt".to_owned(),
    };
    Row {
        depth,
        service: span.service.clone(),
        label,
        server,
        offset: span.start_unix_nano.saturating_sub(start),
        duration: span.end_unix_nano.saturating_sub(span.start_unix_nano),
        status,
        failed: matches!(span.status, Status::Error(_)),
        cause: if status.is_none() { cause(span) } else { None },
        parent_id_sent: (!server && status.is_some()).then(|| hex(&span.span_id)),
        orphan,
    }
}

fn cause(span: &ReceivedSpan) -> Option<String> {
    let message = match &span.status {
        Status::Error(message) if !message.is_empty() => Some(message.as_str()),
        _ => None,
    };
    match (span.text("error.type"), message) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (kind, message) => kind.or(message).map(str::to_owned),
    }
}

fn integer(span: &ReceivedSpan, name: &str) -> Option<i64> {
    match span.attribute(name) {
        Some(&Value::Int(number)) => Some(number),
        _ => None,
    }
}
