//! The rows of the decision table that settings choose: recording, injection, the sampled flag, the upstream's kind.

use throughline::trace::decision::{InjectPolicy, RecordMode, SampledPolicy, UpstreamKind};
use throughline_tests::span::Span;
use throughline_tests::{Expect, Scene};

use super::{Line, Row, judge_all, lines};

const VALID: Line<'static> = ("traceparent", b"00-TRACE-SPAN-00");
const MARK: Line<'static> = ("tracestate", b"checkly=true");
const MALFORMED: Line<'static> = ("traceparent", b"00-xyz");

#[tokio::test(flavor = "multi_thread")]
async fn recording_everything_continues_starts_and_restarts() {
    let rows: &[Row<'_>] = &[
        ("a flag that is not ours to set", &[VALID], Expect::Continue(0)),
        ("the random bit", &[("traceparent", b"00-TRACE-SPAN-02"), ("tracestate", b"a=1")], Expect::Continue(2)),
        ("a mark still sets it", &[VALID, MARK], Expect::Continue(1)),
        ("no context: start", &[], Expect::New),
        ("no context but baggage", &[("baggage", b"a=1")], Expect::New),
        ("a tracestate of no trace is dropped", &[("tracestate", b"a=1")], Expect::New),
        ("even a marked one", &[MARK], Expect::New),
        ("malformed: restart", &[MALFORMED], Expect::New),
        ("its tracestate is dropped", &[MALFORMED, ("tracestate", b"a=1"), ("tracestate", b"b=1")], Expect::New),
        ("two traceparents", &[VALID, VALID, ("tracestate", b"a=1")], Expect::New),
        ("a bad key", &[VALID, ("tracestate", b"Bad=1")], Expect::ContinueWithoutTracestate(0)),
        ("a key twice", &[VALID, ("tracestate", b"a=1"), ("tracestate", b"a=2")], Expect::ContinueWithoutTracestate(0)),
        ("not ASCII", &[VALID, ("tracestate", b"a=\xc3\xa4")], Expect::ContinueWithoutTracestate(0)),
    ];
    let scene = Scene::with(|config| config.proxies[0].record = RecordMode::All).await;
    judge_all(scene, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_tracestates_are_counted() {
    let scene = Scene::with(|config| config.proxies[0].record = RecordMode::All).await;
    scene.judge("alone", "/alone", &lines(&[("tracestate", b"a=1")]), Expect::New).await;
    let invalid = lines(&[VALID, ("tracestate", b"a=b=c")]);
    scene.judge("invalid", "/invalid", &invalid, Expect::ContinueWithoutTracestate(0)).await;
    assert_eq!(scene.agent.count("throughline_tracestates_dropped", &[]), 2);
    scene.finish(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recording_nothing_forwards_everything() {
    let rows: &[Row<'_>] = &[
        ("marked", &[VALID, MARK], Expect::Forward),
        ("unmarked", &[VALID], Expect::Forward),
        ("absent", &[], Expect::Forward),
    ];
    judge_all(Scene::with(|config| config.proxies[0].record = RecordMode::None).await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_is_never_started_where_injection_is_off() {
    let rows: &[Row<'_>] = &[
        ("absent", &[], Expect::ObserveAsRoot),
        ("invalid", &[MALFORMED, ("tracestate", b"a=1")], Expect::ObserveAsRoot),
        ("valid is continued still", &[VALID], Expect::Continue(0)),
    ];
    let scene = Scene::with(|config| {
        config.proxies[0].record = RecordMode::All;
        config.proxies[0].inject = InjectPolicy::Off;
    });
    judge_all(scene.await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn injecting_everywhere_gives_unrecorded_requests_an_unsampled_trace() {
    let rows: &[Row<'_>] = &[
        ("absent", &[], Expect::NewUnrecorded),
        ("invalid", &[MALFORMED], Expect::NewUnrecorded),
        ("its tracestate is dropped", &[MALFORMED, ("tracestate", b"a=1")], Expect::NewUnrecorded),
        ("a lone tracestate is dropped", &[MARK], Expect::NewUnrecorded),
        ("valid is forwarded", &[VALID, ("tracestate", b"Bad=1")], Expect::Forward),
        ("marked is continued", &[VALID, MARK], Expect::Continue(1)),
    ];
    judge_all(Scene::with(|config| config.proxies[0].inject = InjectPolicy::All).await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sampled_flag_is_kept_where_asked() {
    let rows: &[Row<'_>] = &[
        ("not sampled", &[VALID, MARK], Expect::Continue(0)),
        ("sampled", &[("traceparent", b"00-TRACE-SPAN-01"), MARK], Expect::Continue(1)),
        ("random", &[("traceparent", b"00-TRACE-SPAN-02"), MARK], Expect::Continue(2)),
    ];
    judge_all(Scene::with(|config| config.proxies[0].sampled = SampledPolicy::Keep).await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instrumented_upstream_is_observed() {
    let rows: &[Row<'_>] = &[
        ("marked", &[VALID, MARK], Expect::Observe),
        ("unknown flags and a higher version too", &[("traceparent", b"cc-TRACE-SPAN-fe-x"), MARK], Expect::Observe),
        ("unmarked", &[VALID, ("tracestate", b"a=1")], Expect::Forward),
    ];
    let scene = Scene::with(|config| config.proxies[0].upstream_kind = UpstreamKind::Instrumented).await;
    judge_all(scene, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instrumented_upstream_with_the_same_backend_is_continued() {
    let rows: &[Row<'_>] = &[("marked", &[VALID, MARK], Expect::Continue(1)), ("unmarked", &[VALID], Expect::Forward)];
    let scene = Scene::with(|config| config.proxies[0].upstream_kind = UpstreamKind::InstrumentedSameBackend).await;
    judge_all(scene, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_bear_names_and_kinds_by_the_upstreams_kind() {
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind::{Client, Internal};
    let rows = [
        (UpstreamKind::Uninstrumented, "shop", Internal),
        (UpstreamKind::Instrumented, "shop-edge", Client),
        (UpstreamKind::InstrumentedSameBackend, "shop-edge", Client),
    ];
    for (kind, service, attempts_are) in rows {
        let scene = Scene::with(|config| config.proxies[0].upstream_kind = kind).await;
        scene.get("/", &lines(&[VALID, MARK])).await;
        let server = scene.server_span("/").await;
        let (server, attempts) = scene.collector.request(&server.trace_id(), 2).await;
        assert_eq!(attempts[0].raw.kind(), attempts_are, "{kind:?}: attempts");
        let names: Vec<String> = [&server, &attempts[0]].into_iter().map(Span::service).collect();
        assert_eq!(names, [service, service], "{kind:?}: service.name");
        scene.finish(2).await;
    }
}
