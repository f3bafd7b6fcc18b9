//! `throughline check`: what it says of configurations, of exporters, and how it exits. What it says of the kernel
//! depends on the machine, and is judged where the probe is.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::TcpListener;

use serde_json::Value;
use throughline_tests::binary::{Finished, run};
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Upstream};

/// A configuration with one proxy, whose parts a row names.
struct Asked {
    listen: String,
    upstream: String,
    export: String,
}

impl Asked {
    /// Free addresses, an upstream that answers, and no exporter.
    fn fine(upstream: &Upstream) -> Self {
        Self {
            listen: nobody().to_string(),
            upstream: format!("http://{}", upstream.addr()),
            export: "to: none".to_owned(),
        }
    }

    /// Runs the check, and gives its JSON with how it ended.
    async fn check(&self, variables: &[(&str, &str)]) -> (Value, Finished) {
        let Self { listen, upstream, export } = self;
        let text = format!(
            "file_format: \"1\"\nproxies: [{{listen: '{listen}', upstream: '{upstream}', service: shop}}]\n\
             export: {{{export}}}\nadmin: {{listen: '{}'}}\n",
            nobody()
        );
        check_text(&text, variables).await
    }
}

async fn check_text(text: &str, variables: &[(&str, &str)]) -> (Value, Finished) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("throughline.yaml");
    std::fs::write(&file, text).expect("a file can be written");
    let file = file.to_str().expect("a path of text");
    let finished = run(&["check", "--config", file, "--no-trial", "-o", "json"], variables).await;
    let json = serde_json::from_str(&finished.stdout).expect("JSON");
    (json, finished)
}

/// State, text and hint of the lines of one check.
fn lines(json: &Value, check: &str) -> Vec<(String, String)> {
    let all = json.get("checks").and_then(Value::as_array).expect("lines");
    let text = |line: &Value, key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let of = all.iter().filter(|line| text(line, "check") == check);
    of.map(|line| (text(line, "state"), format!("{} -> {}", text(line, "text"), text(line, "hint")))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_works_is_said_to_work() {
    let upstream = Upstream::ok().await;
    let (json, finished) = Asked::fine(&upstream).check(&[]).await;
    assert_eq!(finished.status.code(), Some(0), "a configuration without the probe needs no capability: {json:#}");
    for check in ["configuration", "addresses", "upstreams", "exporter"] {
        let lines = lines(&json, check);
        assert!(!lines.is_empty() && lines.iter().all(|(state, _)| state == "ok"), "{check}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_is_told_plainly() {
    for (status, state, word, reason) in [
        (200, "ok", "takes", "a collector"),
        (401, "error", "key", "none"),
        (403, "error", "key", "a wrong one"),
        (404, "error", "path", "another server"),
        (503, "warning", "later", "overloaded"),
    ] {
        let backend = Upstream::start(move |_| Answer::text(status, "")).await;
        let service = Upstream::ok().await;
        let export = format!("to: otlp, endpoint: 'http://{}'", backend.addr());
        let (json, finished) = Asked { export, ..Asked::fine(&service) }.check(&[]).await;
        let exporter = lines(&json, "exporter");
        assert!(matches!(&*exporter, [(is, text)] if is == state && text.contains(word)), "{reason}: {exporter:?}");
        assert_eq!(finished.status.code(), Some(i32::from(state == "error")), "{reason}");
        assert!(backend.last().await.body.is_empty(), "{reason}: a request without spans");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_sent_and_never_shown() {
    let backend = Upstream::start(|head| {
        let has_key = head.value("authorization") == "s3cret-key";
        Answer::text(if has_key { 200 } else { 401 }, "")
    })
    .await;
    let service = Upstream::ok().await;
    let export = format!("to: otlp, endpoint: 'http://user:s3cret-pass@{}/?s3cret-query=1'", backend.addr());
    let asked = Asked { export, ..Asked::fine(&service) };
    let (json, finished) = asked.check(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret-key")]).await;
    assert!(!finished.stdout.contains("s3cret") && !finished.stderr.contains("s3cret"), "{json:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_address_is_named() {
    let service = Upstream::ok().await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has an address");
    let (json, finished) = Asked { listen: address.to_string(), ..Asked::fine(&service) }.check(&[]).await;
    let addresses = lines(&json, "addresses");
    let named = format!("process {} ", std::process::id());
    assert!(addresses.iter().any(|(state, text)| state == "error" && text.contains(&named)), "{addresses:?}");
    assert_eq!(finished.status.code(), Some(1));
}

/// Process ids end at 2^22.
#[tokio::test(flavor = "multi_thread")]
async fn who_would_be_watched_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (own, port) = (std::process::id(), listener.local_addr().expect("it has an address").port());
    let named = format!("fits process {own}, reported as ");
    for (target, state, word, reason) in [
        (format!("pid:{own}"), "ok", named.as_str(), "a process that runs"),
        (format!("port:{port}"), "ok", named.as_str(), "one that listens there"),
        ("pid:4194305".to_owned(), "warning", "another id", "one that has ended"),
        ("unit:no-such-unit".to_owned(), "warning", "fits no process", "a service that is not started yet"),
    ] {
        let text = format!(
            "file_format: \"1\"\nprobe: {{targets: ['{target}']}}\nexport: {{to: none}}\nadmin: {{listen: '{}'}}\n",
            nobody()
        );
        let (json, _) = check_text(&text, &[]).await;
        let targets = lines(&json, "targets");
        assert!(matches!(&*targets, [(is, text)] if is == state && text.contains(word)), "{reason}: {targets:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_is_a_warning() {
    let service = Upstream::ok().await;
    for (upstream, word, reason) in [
        (format!("http://{}", nobody()), "does not answer", "nobody listens"),
        ("http://nobody.invalid:80".to_owned(), "no address", "the name leads nowhere"),
    ] {
        let (json, finished) = Asked { upstream, ..Asked::fine(&service) }.check(&[]).await;
        let upstreams = lines(&json, "upstreams");
        assert!(matches!(&*upstreams, [(is, text)] if is == "warning" && text.contains(word)), "{upstreams:?}");
        assert_eq!(finished.status.code(), Some(0), "{reason}: it may come up later");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_a_file_is_a_line() {
    let text = "file_format: \"1\"\nproxies: [{listen: here, upstream: 'http://a', service: shop}]\nexports: {}\n";
    let (json, finished) = check_text(text, &[]).await;
    let configuration = lines(&json, "configuration");
    assert!(configuration.len() == 2 && configuration.iter().all(|(state, _)| state == "error"), "{configuration:?}");
    assert!(!lines(&json, "kernel").is_empty(), "the machine is looked at all the same");
    assert_eq!(finished.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_alone_is_looked_at_without_a_file() {
    let finished = run(&["check"], &[("LC_ALL", "C")]).await;
    assert!(matches!(finished.status.code(), Some(0 | 4)), "{}", finished.stdout);
    assert!(finished.stdout.is_ascii(), "the locale has no more: {}", finished.stdout);
    assert!(finished.stdout.contains("kernel") && finished.stdout.contains("capabilities"), "{}", finished.stdout);
    assert!(!finished.stdout.contains('\u{1b}'), "nobody sees colours in a pipe");
    let unicode = run(&["check", "--no-trial"], &[("LC_ALL", "C.UTF-8")]).await;
    assert!(unicode.stdout.contains('✓') || unicode.stdout.contains('✗'), "{}", unicode.stdout);
    let schema = run(&["check", "--schema"], &[]).await;
    assert!(schema.stdout.contains("throughline.check") && schema.status.success());
}
