//! Real Flask applications behind the proxy, plain and instrumented, and a collector that decodes with the published
//! Python package: what the application receives, what it sends onward, and whether the trees hang together.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use throughline::config::export::{ExportTarget, OtlpProtocol};
use throughline::trace::decision::UpstreamKind;
use throughline_tests::agent::{Agent, config, otlp};
use throughline_tests::binary::Binary;
use throughline_tests::client::get;
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::real::{python, script, skipped};
use throughline_tests::{Upstream, ask, eventually};

/// The Python collector and what it printed.
struct Decoder {
    process: Binary,
    url: String,
}

/// A span as the Python collector prints it.
struct Span(Value);

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_application_receives_the_context_and_appears_in_the_trace() {
    let Some(python) = python_or_skip("a_plain_application_receives_the_context_and_appears_in_the_trace") else {
        return;
    };
    let decoder = Decoder::start(&python).await;
    let (_flask, flask) = script(&python, "plain_flask.py", &[]).await;
    let agent = decoder.agent(flask, UpstreamKind::Uninstrumented).await;

    let context = Traceparent::fresh(0);
    let received = received(&ask(agent.addr(), &marked_get("/marked", &context)).await.text());
    let spans = decoder.trace(&context.trace_id, 2).await;
    let (server, attempt) = (&spans[0], &spans[1]);
    assert_eq!((server.kind(), attempt.kind()), ("server", "internal"));
    assert_eq!(server.parent(), context.parent_id, "under the check's span");
    assert_eq!(attempt.parent(), server.id());
    let at_flask = Traceparent::parse(&received["traceparent"][0]);
    assert_eq!(at_flask.parent_id, attempt.id(), "parent-id at the application = id of the attempt span");
    assert!(at_flask.sampled() && at_flask.trace_id == context.trace_id);
    assert_eq!(received["tracestate"], [MARK], "exactly the mark");
    for span in &spans {
        assert_eq!((span.get("trace_state"), span.get("service")), (MARK, "shop"));
    }

    let unmarked = Traceparent::fresh(1);
    let header = unmarked.to_string();
    let answer = ask(agent.addr(), &get("/unmarked", &[("traceparent", &header), ("tracestate", "a=1")])).await.text();
    assert_eq!(self::received(&answer)["traceparent"], [header], "unmarked traffic is untouched");
    let ledger = agent.stop().await;
    assert_eq!((ledger.started, ledger.exported), (2, 2), "no span for an unmarked request");
    assert_eq!(decoder.spans().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instrumented_application_fits_into_the_tree_whatever_its_upstream_kind() {
    let Some(python) = python_or_skip("an_instrumented_application_fits_into_the_tree_whatever_its_upstream_kind")
    else {
        return;
    };
    let (decoder, onward) = (Decoder::start(&python).await, Upstream::ok().await);
    let onward_url = format!("http://{}", onward.addr());
    let (_flask, flask) = script(&python, "instrumented_flask.py", &[&decoder.url, &onward_url]).await;
    for kind in [UpstreamKind::Uninstrumented, UpstreamKind::Instrumented, UpstreamKind::InstrumentedSameBackend] {
        let agent = decoder.agent(flask, kind).await;
        let context = Traceparent::fresh(1);
        let received = received(&ask(agent.addr(), &marked_get("/marked", &context)).await.text());
        assert_eq!(received["tracestate"], [MARK], "{kind:?}: the sampler sees exactly the mark");
        let spans = decoder.trace(&context.trace_id, 3).await;
        let find = |service: &str, kind: &str| {
            spans.iter().find(|span| span.get("service") == service && span.kind() == kind).expect("a span")
        };
        let (edge, attempts_are) = match kind {
            UpstreamKind::Uninstrumented => ("shop", "internal"),
            _ => ("shop-edge", "client"),
        };
        let (server, attempt, flask) = (find(edge, "server"), find(edge, attempts_are), find("flask", "server"));
        assert_eq!(server.parent(), context.parent_id, "{kind:?}");
        assert_eq!(attempt.parent(), server.id(), "{kind:?}");
        let above_flask = if kind == UpstreamKind::Instrumented { context.parent_id.as_str() } else { attempt.id() };
        assert_eq!(flask.parent(), above_flask, "{kind:?}: the application's span hangs under what it received");
        assert_eq!(Traceparent::parse(&received["traceparent"][0]).parent_id, above_flask, "{kind:?}");
        agent.stop().await;
    }
    let agent = decoder.agent(flask, UpstreamKind::Instrumented).await;
    let before = decoder.spans().len();
    assert_eq!(ask(agent.addr(), &get("/unmarked", &[])).await.status(), 200);
    agent.stop().await;
    assert_eq!(decoder.spans().len(), before, "neither of the two records an unmarked request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampler_without_a_trace_state_loses_the_mark_and_the_corrected_one_keeps_it() {
    let Some(python) = python_or_skip("a_sampler_without_a_trace_state_loses_the_mark_and_the_corrected_one_keeps_it")
    else {
        return;
    };
    for (sampler, kept) in [("guide", ""), ("corrected", MARK)] {
        let (decoder, onward) = (Decoder::start(&python).await, Upstream::ok().await);
        let onward_url = format!("http://{}", onward.addr());
        let (_flask, flask) = script(&python, "instrumented_flask.py", &[&decoder.url, &onward_url, sampler]).await;
        let agent = decoder.agent(flask, UpstreamKind::Instrumented).await;
        let context = Traceparent::fresh(1);
        ask(agent.addr(), &marked_get("/onward", &context)).await;
        let spans = decoder.trace(&context.trace_id, 3).await;
        let own = spans.iter().find(|span| span.get("service") == "flask").expect("the application's span");
        assert_eq!(own.get("trace_state"), kept, "{sampler}: trace state of the application's span");
        let sent = onward.last().await.head;
        let sent_context = Traceparent::parse(&sent.value("traceparent"));
        assert_eq!(sent_context.trace_id, context.trace_id, "{sampler}: the trace goes on");
        assert_eq!(sent_context.parent_id, own.id(), "{sampler}");
        assert_eq!(sent.value("tracestate"), kept, "{sampler}: the mark that goes on");
        agent.stop().await;
    }
}

impl Decoder {
    async fn start(python: &Path) -> Self {
        let (process, addr) = script(python, "collector.py", &[]).await;
        Self { process, url: format!("http://{addr}/v1/traces") }
    }

    /// An agent before `upstream` that exports here.
    async fn agent(&self, upstream: SocketAddr, kind: UpstreamKind) -> Agent {
        let mut config = config(upstream, ExportTarget::Otlp(otlp(OtlpProtocol::HttpProtobuf, &self.url)));
        config.proxies[0].upstream_kind = kind;
        Agent::of(config).await
    }

    fn spans(&self) -> Vec<Span> {
        let text = self.process.stdout();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).map(Span).collect()
    }

    /// The spans of a trace, once there are `count`: SERVER spans first.
    async fn trace(&self, trace_id: &str, count: usize) -> Vec<Span> {
        let mut spans = eventually(&format!("{count} spans of trace {trace_id}"), || {
            let spans: Vec<Span> = self.spans().into_iter().filter(|span| span.get("trace_id") == trace_id).collect();
            (spans.len() >= count).then_some(spans)
        })
        .await;
        assert_eq!(spans.len(), count, "spans of the trace");
        spans.sort_by_key(|span| span.kind() != "server");
        spans
    }
}

impl Span {
    fn get(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.get("span_id")
    }

    fn parent(&self) -> &str {
        self.get("parent_id")
    }

    fn kind(&self) -> &str {
        self.get("kind")
    }
}

/// The context headers that the application received, as it tells.
fn received(answer: &str) -> std::collections::BTreeMap<String, Vec<String>> {
    serde_json::from_str(answer).expect("the application answers with JSON")
}

fn python_or_skip(test: &str) -> Option<PathBuf> {
    let found = python();
    if found.is_none() {
        skipped(test, "no Python environment; `cargo xtask test` prepares it");
    }
    found
}
