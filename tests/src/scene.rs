//! The usual scene: one upstream, one agent, one collector; and the judgement of what became of one request's context.

use throughline::config::Config;
use throughline::config::export::{ExportTarget, OtlpProtocol};

use crate::agent::{Agent, Ledger, config};
use crate::client::{Client, Response};
use crate::collector::Collector;
use crate::context::Traceparent;
use crate::message::{Head, Line};
use crate::span::Span;
use crate::upstream::{Seen, Upstream};
use crate::wait::eventually;

/// The header fields that carry context.
pub const CONTEXT_FIELDS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Upstream, agent, collector.
pub struct Scene {
    /// Answers 200 to everything, unless it was given another script.
    pub upstream: Upstream,
    /// Between the two.
    pub agent: Agent,
    /// Accepts everything, unless told otherwise.
    pub collector: Collector,
}

/// What has to become of a request's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The same lines, no span.
    Forward,
    /// The same trace with the attempt's id and these flags; `tracestate` as it was.
    Continue(u8),
    /// The same, without the `tracestate`.
    ContinueWithoutTracestate(u8),
    /// The same lines, and spans under the caller's parent-id.
    Observe,
    /// The same lines, and spans of a trace of their own.
    ObserveAsRoot,
    /// A new trace with spans, sampled and random, without `tracestate`.
    New,
    /// A new trace without spans, random and not sampled, without `tracestate`.
    NewUnrecorded,
}

impl Scene {
    /// With every default, but no admission limit: a table has more traces than a second allows.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, after `change`.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::before(Upstream::ok().await, change).await
    }

    /// The same, before `upstream`.
    pub async fn before(upstream: Upstream, change: impl FnOnce(&mut Config)) -> Self {
        let collector = Collector::start().await;
        let mut config = config(upstream.addr(), ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)));
        config.proxies[0].admission = None;
        change(&mut config);
        let agent = Agent::of(config).await;
        Self { upstream, agent, collector }
    }

    /// Sends a GET for `path` with these header lines; gives the request as it was sent, as it arrived, and the answer.
    pub async fn get(&self, path: &str, lines: &[(&str, Vec<u8>)]) -> (Head, Seen, Response) {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: service.test\r\n").into_bytes();
        for (name, value) in lines {
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let mut client = Client::connect(self.agent.addr()).await;
        client.send(&request).await;
        let answer = client.answer_to(&request).await;
        let arrived = self.upstream.requests_for(path, 1).await.remove(0);
        (Head(request), arrived, answer)
    }

    /// The SERVER span of the request for `path`.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn server_span(&self, path: &str) -> Span {
        eventually(&format!("the SERVER span of {path}"), || {
            self.collector.spans().into_iter().find(|span| span.is_server() && span.text("url.path") == path)
        })
        .await
    }

    /// Sends a GET with these lines and checks what becomes of its context; `why` is told on failure.
    ///
    /// # Panics
    /// When something else becomes of it.
    pub async fn judge(&self, why: &str, path: &str, lines: &[(&str, Vec<u8>)], expect: Expect) {
        let before = self.agent.ledger().started;
        let (sent, arrived, answer) = self.get(path, lines).await;
        assert_eq!(answer.status(), 200, "{why}: {:?}", answer.head);
        if matches!(expect, Expect::Forward | Expect::Observe | Expect::ObserveAsRoot) {
            for field in CONTEXT_FIELDS {
                assert_eq!(arrived.head.lines_of(field), sent.lines_of(field), "{why}: {field} goes on untouched");
            }
        } else {
            self.judge_new_lines(why, &sent, &arrived.head, expect);
        }
        if matches!(expect, Expect::Forward | Expect::NewUnrecorded) {
            assert_eq!(self.agent.ledger().started, before, "{why}: no span is begun");
        } else {
            self.judge_spans(why, path, &sent, &arrived.head, expect).await;
        }
    }

    /// Checks that there are no more spans than the table called for, and stops.
    ///
    /// # Panics
    /// When there are.
    pub async fn finish(self, spans: u64) -> Ledger {
        let ledger = self.agent.settled().await;
        assert_eq!((ledger.started, ledger.exported), (spans, spans), "spans begun and exported");
        assert_eq!(self.collector.distinct() as u64, spans, "distinct spans at the collector");
        self.agent.stop().await;
        ledger
    }

    fn judge_new_lines(&self, why: &str, sent: &Head, arrived: &Head, expect: Expect) {
        let traceparents = arrived.values("traceparent");
        assert_eq!(traceparents.len(), 1, "{why}: one traceparent: {arrived:?}");
        let context = Traceparent::parse(&traceparents[0]);
        assert_eq!(arrived.lines_of("baggage"), sent.lines_of("baggage"), "{why}: baggage goes on untouched");
        let kept = if matches!(expect, Expect::Continue(_)) { sent.lines_of("tracestate") } else { Vec::new() };
        assert_eq!(arrived.lines_of("tracestate"), kept, "{why}: tracestate at the upstream");
        let sent_text = sent.value("traceparent");
        let sent_trace = sent_text.get(3..35).unwrap_or_default();
        match expect {
            Expect::Continue(flags) | Expect::ContinueWithoutTracestate(flags) => {
                assert_eq!(context.trace_id, sent_trace, "{why}: the trace goes on");
                assert_eq!(context.flags, flags, "{why}: flags");
            }
            Expect::New => assert!(context.sampled() && context.random(), "{why}: a new recorded trace: {context}"),
            _ => assert!(!context.sampled() && context.random(), "{why}: a new unrecorded trace: {context}"),
        }
        if matches!(expect, Expect::New | Expect::NewUnrecorded) {
            assert!(context.flags <= 3, "{why}: no unknown flag: {context}");
            for sent in sent.values("traceparent") {
                assert!(!sent.contains(&context.trace_id), "{why}: the trace is new");
            }
        }
    }

    async fn judge_spans(&self, why: &str, path: &str, sent: &Head, arrived: &Head, expect: Expect) {
        let server = self.server_span(path).await;
        let (server, attempts) = self.collector.request(&server.trace_id(), 2).await;
        let attempt = &attempts[0];
        assert_eq!(attempt.parent(), server.id(), "{why}: the attempt lies under the SERVER span");
        if expect != Expect::ObserveAsRoot {
            let received = sent.lines_of("tracestate");
            let received: Vec<&[u8]> = received.iter().map(|line: &Line| line.value.as_slice()).collect();
            let received = String::from_utf8_lossy(&received.join(&b","[..])).into_owned();
            if matches!(expect, Expect::Continue(_) | Expect::Observe) {
                assert_eq!(server.raw.trace_state, received, "{why}: trace_state of the SERVER span");
                assert_eq!(attempt.raw.trace_state, received, "{why}: trace_state of the attempt span");
            }
        }
        let rooted = matches!(expect, Expect::New | Expect::ObserveAsRoot);
        let sent_text = sent.value("traceparent");
        if rooted {
            assert_eq!(server.parent(), "", "{why}: a new trace has a root");
        } else {
            assert_eq!(server.parent(), sent_text[36..52], "{why}: the SERVER span lies under the caller's");
            assert_eq!(server.trace_id(), sent_text[3..35], "{why}: the caller's trace");
        }
        if !matches!(expect, Expect::Observe | Expect::ObserveAsRoot) {
            let context = Traceparent::parse(&arrived.value("traceparent"));
            assert_eq!(context.parent_id, attempt.id(), "{why}: parent-id = id of the attempt span");
            assert_eq!(context.trace_id, attempt.trace_id(), "{why}: the trace that went on is the one exported");
            assert_eq!(u32::from(context.flags), attempt.raw.flags & 0xff, "{why}: flags of the attempt span");
        }
    }
}

/// The header lines of a table row: `TRACE` and `SPAN` become ids that no other row has.
#[must_use]
pub fn lines(row: &[(&'static str, &[u8])]) -> Vec<(&'static str, Vec<u8>)> {
    let ids = Traceparent::fresh(0);
    let fill = |value: &[u8]| {
        let value = replace(value, b"TRACE", ids.trace_id.as_bytes());
        replace(&value, b"SPAN", ids.parent_id.as_bytes())
    };
    row.iter().map(|(name, value)| (*name, fill(value))).collect()
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match text.windows(from.len()).position(|window| window == from) {
        Some(at) => [&text[..at], to, &replace(&text[at + from.len()..], from, to)].concat(),
        None => text.to_vec(),
    }
}
