//! The command line of the real binary: what it says, where it says it, and its exit codes.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "command_line/settings.rs"]
mod settings;

use serde_json::Value;
use throughline_tests::binary::{Binary, run};
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::{Collector, Upstream, ask, eventually};

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_one_clear_line_and_exit_code_2() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = held.local_addr().expect("an address").to_string();
    let listen = ["--listen", "127.0.0.1:0"];
    let upstream = ["--upstream", "http://127.0.0.1:1"];
    let both = [&listen[..], &upstream[..]].concat();
    let with = |more: &[&'static str]| [&["proxy"][..], &both, more].concat();
    let rows: Vec<(&str, Vec<&str>, &str)> = vec![
        ("an unknown command", vec!["prxy"], "prxy"),
        ("an unknown flag", with(&["--lisen", "x"]), "--lisen"),
        ("no listener", [&["proxy"][..], &upstream].concat(), "--listen"),
        ("no upstream", [&["proxy"][..], &listen].concat(), "--upstream"),
        ("a bad address", [&["proxy", "--listen", "nowhere"][..], &upstream].concat(), "nowhere"),
        ("a bad port", [&["proxy", "--listen", "127.0.0.1:99999"][..], &upstream].concat(), "99999"),
        ("no URL", [&["proxy", "--upstream", "not a url"][..], &listen].concat(), "not a url"),
        ("another scheme", [&["proxy", "--upstream", "ftp://a"][..], &listen].concat(), "ftp"),
        ("a URL with a path", [&["proxy", "--upstream", "http://a/b"][..], &listen].concat(), "http://a/b"),
        ("a bad range", with(&["--trust", "10.0.0.0/99"]), "10.0.0.0/99"),
        ("a bad hop", with(&["--trusted-hop", "nonsense"]), "nonsense"),
        ("a bad mode", with(&["--record", "some"]), "some"),
        ("a bad duration", with(&["--read-timeout", "soon"]), "soon"),
        ("no threads", with(&["--threads", "0"]), "0"),
        ("a missing file", with(&["--upstream-ca", "/nowhere/ca.pem"]), "/nowhere/ca.pem"),
        ("an admin port for everyone", with(&["--admin", "0.0.0.0:0"]), "--admin"),
        ("a port in use", [&["proxy", "--export=none", "--listen", &taken][..], &upstream].concat(), &taken),
        ("an admin port in use", [&["proxy", "--export=none"][..], &both, &["--admin", &taken]].concat(), &taken),
        ("a port in use, with export", [&["proxy", "--listen", &taken][..], &upstream].concat(), &taken),
        ("an admin port in use, with export", [&["proxy"][..], &both, &["--admin", &taken]].concat(), &taken),
        ("no traceparent", vec!["decode"], "TRACEPARENT"),
        ("an unknown shell", vec!["completions", "dos"], "dos"),
    ];
    let mut wrong = Vec::new();
    for (why, args, names) in rows {
        let finished = run(&args, &[]).await;
        let said = finished.stderr.trim_end();
        let right = finished.status.code() == Some(2)
            && finished.stdout.is_empty()
            && said.lines().count() == 1
            && said.contains(names)
            && said.matches("in use").count() <= 1
            && !said.contains("listening on");
        if !right {
            wrong.push(format!("{why}: {:?} {:?} {said}", finished.status.code(), finished.stdout));
        }
    }
    assert!(wrong.is_empty(), "one line that names the thing, and exit code 2: {wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_variables_are_mistakes_too() {
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:1"];
    let rows = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("THROUGHLINE_RECORD", "some"),
        ("THROUGHLINE_TRUST", "everyone"),
        ("THROUGHLINE_ACCESS_LOG", "perhaps"),
    ];
    let mut wrong = Vec::new();
    for (name, value) in rows {
        let finished = run(&args, &[(name, value)]).await;
        let said = finished.stderr.trim_end();
        if finished.status.code() != Some(2) || said.lines().count() != 1 || !said.contains(value) {
            wrong.push(format!("{name}={value}: {:?} {said}", finished.status.code()));
        }
    }
    assert!(wrong.is_empty(), "one line that names the value, and exit code 2: {wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn decode_explains_and_judges() {
    let rows: &[(&str, &[&str], i32, &str)] = &[
        ("valid and marked", &[VALID, MARK], 0, "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("valid, not marked", &[VALID], 0, "00f067aa0ba902b7"),
        ("another tracestate", &[VALID, "a=1"], 0, "a"),
        ("a zero trace id", &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], 1, "zero"),
        ("too short", &["00-12"], 1, ""),
        ("begins with a dash", &["-1"], 1, ""),
        ("a bad tracestate", &[VALID, "Bad=1"], 1, "Bad"),
    ];
    for (why, values, code, names) in rows {
        let finished = run(&[&["decode"], *values].concat(), &[]).await;
        assert_eq!(finished.status.code(), Some(*code), "{why}: {}{}", finished.stdout, finished.stderr);
        assert!(finished.stdout.contains(names), "{why}: {names} in {}", finished.stdout);
    }
    let marked = run(&["decode", VALID, MARK], &[]).await.stdout;
    let unmarked = run(&["decode", VALID, "checkly=truex"], &[]).await.stdout;
    assert_ne!(marked.replace("truex", "true"), unmarked.replace("truex", "true"), "it tells whether it is marked");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_and_completions_are_results() {
    let rows: &[(&[&str], &str)] = &[
        (&["--help"], "Examples:"),
        (&["proxy", "--help"], "Examples:"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "complete"),
        (&["completions", "zsh"], "compdef"),
        (&["completions", "fish"], "complete"),
    ];
    for (args, has) in rows {
        let finished = run(args, &[]).await;
        assert!(finished.status.success() && finished.stderr.is_empty(), "{args:?}: {}", finished.stderr);
        assert!(finished.stdout.contains(has), "{args:?}: {has} in {}", finished.stdout);
        assert!(!finished.stdout.contains('\u{1b}'), "{args:?}: no colour outside a terminal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_spans_are_json_lines() {
    let upstream = Upstream::ok().await;
    let url = format!("http://{}", upstream.addr());
    let mut binary = Binary::start(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "print"]);
    let proxy = binary.proxy().await;
    let context = Traceparent::fresh(1);
    ask(proxy, &marked_get("/marked", &context)).await;
    ask(proxy, &throughline_tests::client::get("/unmarked", &[])).await;
    let lines =
        eventually("two printed spans", || Some(binary.stdout()).filter(|text| text.lines().count() >= 2)).await;
    let spans: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("each line is one JSON object")).collect();
    assert_eq!(spans.len(), 2, "a SERVER and an attempt span of the marked request alone");
    for span in &spans {
        assert!(span.is_object());
        let text = span.to_string();
        assert!(text.contains(&context.trace_id) && text.contains(MARK), "ids and trace state: {text}");
    }
    binary.signal("TERM");
    assert!(binary.finished().await.status.success());
}

/// The reason, the flags, the variables, and how `service.name` begins.
type Variables<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn variables_configure_and_flags_win() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let url = format!("http://{}", upstream.addr());
    let endpoint = collector.endpoint();
    let rows: &[Variables<'_>] = &[
        ("the upstream names the service", &[], &[], "127.0.0.1:"),
        ("OTEL_SERVICE_NAME", &[], &[("OTEL_SERVICE_NAME", "otel")], "otel"),
        ("OTEL_RESOURCE_ATTRIBUTES", &[], &[("OTEL_RESOURCE_ATTRIBUTES", "service.name=attribute")], "attribute"),
        ("the own variable wins", &[], &[("OTEL_SERVICE_NAME", "otel"), ("THROUGHLINE_SERVICE", "own")], "own"),
        ("the flag wins", &["--service", "flag"], &[("THROUGHLINE_SERVICE", "own")], "flag"),
    ];
    for (why, flags, env, service) in rows {
        let env =
            [&[("THROUGHLINE_UPSTREAM", url.as_str()), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)], *env].concat();
        let env = [&env[..], &[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=key%20one,x-two=2")]].concat();
        let env =
            [&env[..], &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_BSP_SCHEDULE_DELAY", "50")]].concat();
        let mut binary = Binary::with_env(&[&["proxy", "--listen", "127.0.0.1:0"], *flags].concat(), &env);
        let context = Traceparent::fresh(1);
        ask(binary.proxy().await, &marked_get("/", &context)).await;
        let (server, _) = collector.request(&context.trace_id, 2).await;
        assert!(server.service().starts_with(service), "{why}: {}", server.service());
        let headers = collector.received().pop().expect("an export request").headers;
        assert_eq!((headers["authorization"].as_str(), headers["x-two"].as_str()), ("key one", "2"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn export_can_be_switched_off_by_the_usual_variables() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let url = format!("http://{}", upstream.addr());
    for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()), (name, value.to_owned())];
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut binary = Binary::with_env(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url], &env);
        let context = Traceparent::fresh(1);
        ask(binary.proxy().await, &marked_get("/", &context)).await;
        let arrived = upstream.last().await.head;
        assert_eq!(arrived.value("traceparent"), context.to_string(), "{name}={value}: forwarded untouched");
    }
}
