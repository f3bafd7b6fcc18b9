//! TLS by flags and variables: the real binary, and Checkly's recipe word for word.

use throughline_tests::binary::{Binary, run};
use throughline_tests::client::get;
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::{Authority, Collector, TlsFront, Upstream, ask};

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_cannot_be_used_are_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    for (why, name, content) in [
        ("an empty file", "empty.pem", ""),
        ("a file of text", "text.pem", "no certificate at all\n"),
        ("a key", "key.pem", key),
        ("a certificate that is none", "broken.pem", broken),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).expect("the folder is writable");
        let file = file.display().to_string();
        let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", "https://localhost:1", "--upstream-ca", &file];
        let finished = run(&args, &[]).await;
        let said = finished.stderr.trim_end();
        assert_eq!(finished.status.code(), Some(2), "{why}: {said}");
        assert_eq!(said.lines().count(), 1, "{why}: {said}");
        assert!(said.contains("certificates of the upstream") && said.contains(&file), "{why}: {said}");
        assert!(!said.contains("listening on"), "{why}: nothing half started: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flag_makes_an_upstream_trusted() {
    let (authority, upstream) = (Authority::new("trusted"), Upstream::ok().await);
    let front = TlsFront::before(upstream.addr(), &authority, &["localhost"]);
    let (url, ca) = (format!("https://localhost:{}", front.addr().port()), authority.file().display().to_string());
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none"];
    for (flags, status) in [(&["--upstream-ca", &ca][..], 200), (&[], 502)] {
        let mut binary = Binary::start(&[&args, flags].concat());
        let answer = ask(binary.proxy().await, &get("/", &[])).await;
        assert_eq!(answer.status(), status, "{flags:?}: {}", binary.stderr());
        if status == 502 {
            throughline_tests::eventually("the cause in the log", || {
                binary.stderr().contains("UnknownIssuer").then_some(())
            })
            .await;
        }
    }
}

/// The four variables as Checkly's documentation gives them, and the collector's authority beside them.
#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_of_checkly_delivers_over_https() {
    let (authority, collector, upstream) = (Authority::new("trusted"), Collector::start().await, Upstream::ok().await);
    let plain = collector.endpoint().trim_start_matches("http://").parse().expect("an address");
    let front = TlsFront::before(plain, &authority, &["localhost"]);
    let (endpoint, ca) = (format!("https://localhost:{}", front.addr().port()), authority.file().display().to_string());
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=ot_0123456789abcdef"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_SERVICE_NAME", "web-shop"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &ca),
    ];
    let url = format!("http://{}", upstream.addr());
    let mut binary = Binary::with_env(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url], &env);
    let context = Traceparent::fresh(1);
    assert_eq!(ask(binary.proxy().await, &marked_get("/", &context)).await.status(), 200);
    let (server, attempts) = collector.request(&context.trace_id, 2).await;
    for span in [&server, &attempts[0]] {
        assert_eq!((span.service().as_str(), span.raw.trace_state.as_str()), ("web-shop", MARK));
    }
    // The collector serves /v1/traces alone, so the path is right where a request arrives.
    let headers = collector.received().pop().expect("an export request").headers;
    assert_eq!(headers["authorization"], "ot_0123456789abcdef");
    assert!(front.connections() >= 1, "it came over TLS");
    assert!(!binary.stderr().contains("ot_0123456789abcdef"), "a key is never shown");
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_trusted_receives_nothing_and_harms_no_request() {
    let (authority, collector, upstream) = (Authority::new("unknown"), Collector::start().await, Upstream::ok().await);
    let plain = collector.endpoint().trim_start_matches("http://").parse().expect("an address");
    let front = TlsFront::before(plain, &authority, &["localhost"]);
    let endpoint = format!("https://localhost:{}", front.addr().port());
    let url = format!("http://{}", upstream.addr());
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--flush-timeout", "200ms"];
    let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let mut binary = Binary::with_env(&args, &env);
    assert_eq!(ask(binary.proxy().await, &marked_get("/", &Traceparent::fresh(1))).await.status(), 200);
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert_eq!((front.connections(), collector.received().len()), (0, 0));
    assert!(finished.stderr.contains("dropped=2"), "what was lost is told: {}", finished.stderr);
}
