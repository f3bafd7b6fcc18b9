//! The access log of the real binary: one JSON line a request, with the trace it belongs to and without its query; and
//! a reader that is too slow costs lines, never a request's time.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use serde_json::Value;
use throughline_tests::binary::{Binary, metric};
use throughline_tests::client::{get, head};
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Client, Collector, Upstream, ask, eventually};

const KEYS: [&str; 12] = [
    "action",
    "attempts",
    "bytes",
    "client",
    "duration_ms",
    "error",
    "marked",
    "method",
    "path",
    "service",
    "status",
    "trace_id",
];

/// A binary that writes its access log, with these flags too.
fn logging(upstream: &str, flags: &[&str], env: &[(&str, &str)]) -> Binary {
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", upstream, "--service", "shop", "--access-log"];
    Binary::with_env(&[&args, flags].concat(), env)
}

/// Every line so far.
fn lines(binary: &Binary) -> Vec<Value> {
    let text = binary.stdout();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect("each line is one JSON object")).collect()
}

/// The line of the request for `path`.
async fn line(binary: &Binary, path: &str) -> Value {
    let found = || lines(binary).into_iter().find(|line| line["path"] == path);
    eventually(&format!("the line of {path}"), found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_unless_it_is_asked_for() {
    let upstream = Upstream::ok().await;
    let url = format!("http://{}", upstream.addr());
    let mut binary = Binary::start(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none"]);
    assert_eq!(ask(binary.proxy().await, &get("/", &[])).await.status(), 200);
    binary.signal("TERM");
    assert_eq!(binary.finished().await.stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_tells_the_request_and_its_trace() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/missing" => Answer::text(404, "no such thing"),
        _ => Answer::ok(),
    });
    let (upstream, collector) = (upstream.await, Collector::start().await);
    let url = format!("http://{}", upstream.addr());
    let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())];
    let mut binary = logging(&url, &[], &env.each_ref().map(|(name, value)| (*name, value.as_str())));
    let proxy = binary.proxy().await;
    let (marked, valid) = (Traceparent::fresh(1), Traceparent::fresh(1).to_string());
    ask(proxy, &marked_get("/marked?token=s3cret", &marked)).await;
    ask(proxy, &get("/valid?token=s3cret", &[("traceparent", &valid)])).await;
    ask(proxy, &get("/none", &[])).await;
    ask(proxy, &get("/invalid", &[("traceparent", "00-12-34-01")])).await;
    ask(proxy, &head("POST", "/missing", &[("Content-Length", "0")])).await;

    let (server, _) = collector.request(&marked.trace_id, 2).await;
    let rows = [
        ("/marked", "GET", 200, 5, true, "continue", Some(server.trace_id())),
        ("/valid", "GET", 200, 5, false, "forward", Some(Traceparent::parse(&valid).trace_id)),
        ("/none", "GET", 200, 5, false, "forward", None),
        ("/invalid", "GET", 200, 5, false, "forward", None),
        ("/missing", "POST", 404, 13, false, "forward", None),
    ];
    for (path, method, status, bytes, marked, action, trace_id) in rows {
        let line = line(&binary, path).await;
        let keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS, "{path}");
        assert_eq!((line["method"].as_str(), line["status"].as_u64()), (Some(method), Some(status)), "{line}");
        assert_eq!((line["bytes"].as_u64(), line["attempts"].as_u64()), (Some(bytes), Some(1)), "{line}");
        assert_eq!((line["service"].as_str(), line["client"].as_str()), (Some("shop"), Some("127.0.0.1")), "{line}");
        assert_eq!((line["marked"].as_bool(), line["action"].as_str()), (Some(marked), Some(action)), "{line}");
        assert_eq!(line["trace_id"], trace_id.map_or(Value::Null, Value::String), "{line}");
        assert_eq!(line["error"], Value::Null, "{line}");
        assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 20_000.0), "{line}");
    }
    assert!(!binary.stdout().contains("s3cret") && !binary.stdout().contains('?'), "queries stay out");
    assert_eq!(lines(&binary).len(), 5, "one line a request");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fail_are_written_with_their_cause() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/reset" => Answer::Reset,
        "/slow" => Answer::Hang,
        _ => Answer::ok(),
    });
    let upstream = upstream.await;
    let url = format!("http://{}", upstream.addr());
    let mut binary = logging(&url, &["--export", "none", "--read-timeout", "300ms"], &[]);
    let proxy = binary.proxy().await;
    let rows: [(&str, Vec<u8>, u64, &str); 5] = [
        ("/two-lengths", head("POST", "/two-lengths", &[("Content-Length", "5, 5")]), 400, "refused"),
        ("/no-host", b"GET /no-host HTTP/1.1\r\n\r\n".to_vec(), 400, "refused"),
        ("/long", get("/long", &[("X-Long", &"x".repeat(70_000))]), 431, "refused"),
        ("/reset", get("/reset", &[]), 502, "upstream_closed"),
        ("/slow", get("/slow", &[]), 504, "read_timeout"),
    ];
    for (path, request, status, cause) in rows {
        assert_eq!(u64::from(ask(proxy, &request).await.status()), status, "{path}");
        let line = line(&binary, path).await;
        assert_eq!((line["status"].as_u64(), line["error"].as_str()), (Some(status), Some(cause)), "{line}");
    }
    let mut binary = logging(&format!("http://{}", nobody()), &["--export", "none"], &[]);
    assert_eq!(ask(binary.proxy().await, &get("/nobody", &[])).await.status(), 502);
    let line = line(&binary, "/nobody").await;
    assert_eq!((line["error"].as_str(), line["attempts"].as_u64()), (Some("connect_refused"), Some(2)), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_cannot_forge_a_line() {
    let upstream = Upstream::ok().await;
    let mut binary = logging(&format!("http://{}", upstream.addr()), &["--export", "none"], &[]);
    let proxy = binary.proxy().await;
    let targets: [&[u8]; 5] = [
        b"/quote\\x22",
        b"/%0a{%22path%22:%22/forged%22}",
        b"/del\x7f",
        b"/c1\xc2\x85",
        b"/tab\x09{\"path\":\"/forged\"}",
    ];
    let mut answered = 0;
    for target in targets {
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let status = ask(proxy, &request).await.status();
        assert!([200, 400].contains(&status), "{}: {status}", target.escape_ascii());
        answered += usize::from(status == 200);
    }
    // Requests are served by several threads: the last line to come need not be that of the last request.
    let enough = || Some(lines(&binary)).filter(|found| found.len() >= answered);
    let found = eventually(&format!("a line each for {answered} requests"), enough).await;
    assert!(found.iter().all(|line| line["path"] != "/forged"), "{found:?}");
    let text = binary.stdout();
    let bare = text.chars().filter(|c| c.is_control() && *c != '\n').count();
    let c1 = text.matches('\u{85}').count();
    assert_eq!(bare - c1.min(bare), 0, "control characters are escaped: {}", text.escape_debug());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_loses_no_line() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/slow" => Answer::after(Duration::from_millis(300), Answer::ok()),
        _ => Answer::ok(),
    });
    let upstream = upstream.await;
    let mut binary = logging(&format!("http://{}", upstream.addr()), &["--export", "none"], &[]);
    let proxy = binary.proxy().await;
    Load::bounded(8, 500, |n| get(&format!("/{n}"), &[])).run(proxy).await.assert_all_ok(500);
    let mut client = Client::connect(proxy).await;
    client.send(&get("/slow", &[])).await;
    upstream.requests_for("/slow", 1).await;
    binary.signal("TERM");
    assert_eq!(client.answer().await.status(), 200);
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert_eq!(finished.stdout.lines().count(), 501, "one line for each request answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_no_request_up() {
    let upstream = Upstream::ok().await;
    let url = format!("http://{}", upstream.addr());
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none", "--access-log"];
    let mut binary = Binary::unread(&[&args[..], &["--admin", "127.0.0.1:0"]].concat());
    let (proxy, admin) = (binary.proxy().await, binary.admin().await);
    // The pipe, the lines that wait and the lines in hand take some thousands; the rest is dropped.
    let load = Load::bounded(16, 16_000, |_| get("/", &[]));
    let outcome = load.run(proxy).await;
    outcome.assert_all_ok(16_000);
    assert!(outcome.latency(99) < Duration::from_secs(1), "99 in 100 took up to {:?}", outcome.latency(99));
    let dropped = metric(admin, "throughline_access_log_dropped_total").await;
    assert!((1..16_000).contains(&dropped), "{dropped} lines dropped");
    let began = Instant::now();
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert!(began.elapsed() < Duration::from_secs(10), "a stop does not wait for the reader: {:?}", began.elapsed());
}
