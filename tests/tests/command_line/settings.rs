//! Settings that change what is recorded, what is said about them, and commands that only print.

use throughline_tests::binary::{Binary, metric, run};
use throughline_tests::client::get;
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::real::{skipped, with_hosts};
use throughline_tests::{Collector, Upstream, ask, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn propagators_without_tracecontext_switch_recording_off() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let (url, endpoint) = (format!("http://{}", upstream.addr()), collector.endpoint());
    for (list, recorded) in [
        ("b3", false),
        ("none", false),
        ("baggage,xray", false),
        ("", true),
        ("tracecontext", true),
        ("b3, tracecontext ,baggage", true),
    ] {
        let env = [("OTEL_PROPAGATORS", list), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)];
        let mut binary = Binary::with_env(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url], &env);
        let (context, before) = (Traceparent::fresh(1), collector.distinct());
        assert_eq!(ask(binary.proxy().await, &marked_get("/", &context)).await.status(), 200);
        let arrived = Traceparent::parse(&upstream.last().await.head.value("traceparent"));
        assert_eq!(arrived.parent_id != context.parent_id, recorded, "{list:?}");
        binary.signal("TERM");
        let finished = binary.finished().await;
        let warned = finished.stderr.lines().filter(|line| line.contains("OTEL_PROPAGATORS")).count();
        assert_eq!(warned, usize::from(!recorded), "{list:?}: {}", finished.stderr);
        assert_eq!(collector.distinct() - before, if recorded { 2 } else { 0 }, "{list:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_for_all_come_with_a_warning() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let (url, endpoint) = (format!("http://{}", upstream.addr()), collector.endpoint());
    for (inject, warned) in [("recorded", false), ("off", false), ("all", true)] {
        let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--inject", inject];
        let mut binary = Binary::with_env(&args, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
        assert_eq!(ask(binary.proxy().await, &get("/", &[])).await.status(), 200);
        let arrived = upstream.last().await.head.values("traceparent");
        assert_eq!(arrived.len(), usize::from(warned), "--inject {inject}");
        binary.signal("TERM");
        let said = binary.finished().await.stderr;
        let about = said.lines().filter(|line| line.contains("--inject all") && line.contains("sampled = 0")).count();
        assert_eq!(about, usize::from(warned), "--inject {inject}: {said}");
    }
}

/// Process ids end at 2^22.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_not_there_cannot_be_watched() {
    let own = format!("pid:{}", std::process::id());
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (target, warned) in [(own.as_str(), false), ("pid:4194305", true)] {
        // Named in a file, where the agent goes on without the probe if it may not have it.
        let file = folder.path().join("agent.yaml");
        let text = format!("file_format: 1\nadmin: {{listen: '127.0.0.1:0'}}\nprobe: {{targets: ['{target}']}}\n");
        std::fs::write(&file, text).expect("the file can be written");
        let mut binary = Binary::start(&["agent", "--config", file.to_str().expect("a path of text")]);
        binary.admin().await;
        binary.signal("TERM");
        let said = binary.finished().await.stderr;
        let about =
            said.lines().filter(|line| line.contains(target) && line.contains("no process has this id")).count();
        assert_eq!(about, usize::from(warned), "{target}: {said}");
    }
}

/// The endpoint bears Checkly's name and lies on this machine, so what would be sent is seen.
#[tokio::test(flavor = "multi_thread")]
async fn spans_of_unmarked_requests_never_reach_checkly() {
    let test = "spans_of_unmarked_requests_never_reach_checkly";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(wrapper) = with_hosts(folder.path(), "127.0.0.1 otel.eu-west-1.checklyhq.com") else {
        return skipped(test, "no mount namespace can be had, so Checkly's name would leave this machine");
    };
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let url = format!("http://{}", upstream.addr());
    let local = collector.endpoint();
    let checkly = local.replace("127.0.0.1", "otel.eu-west-1.checklyhq.com");
    for (endpoint, unmarked_spans) in [(&checkly, 0), (&local, 2)] {
        let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--record", "all"];
        let args = [&args[..], &["--admin", "127.0.0.1:0"]].concat();
        let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
        let mut binary = Binary::within(&wrapper, &args, &env);
        let (proxy, admin) = (binary.proxy().await, binary.admin().await);
        let (marked, unmarked) = (Traceparent::fresh(1), Traceparent::fresh(1));
        let before = collector.distinct();
        let traceparent = unmarked.to_string();
        ask(proxy, &get("/unmarked", &[("traceparent", &traceparent)])).await;
        ask(proxy, &marked_get("/marked", &marked)).await;
        collector.request(&marked.trace_id, 2).await;
        assert_eq!(metric(admin, "throughline_spans_started_total").await, 2 + unmarked_spans, "{endpoint}");
        binary.signal("TERM");
        let said = binary.finished().await.stderr;
        assert_eq!(collector.trace(&unmarked.trace_id).len() as u64, unmarked_spans, "{endpoint}");
        assert_eq!((collector.distinct() - before) as u64, 2 + unmarked_spans, "{endpoint}");
        let warned = said.lines().filter(|line| line.contains("--record all") && line.contains("Checkly")).count();
        assert_eq!(warned, usize::from(unmarked_spans == 0), "{endpoint}: {said}");
        assert_eq!(upstream.last().await.head.value("tracestate"), MARK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trusted_sources_come_from_flags_variables_and_files() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let (url, endpoint) = (format!("http://{}", upstream.addr()), collector.endpoint());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is writable");
        format!("@{}", path.display())
    };
    let (ours, others) = (list("ours", "# here\n127.0.0.0/8\n"), list("others", "[\"203.0.113.7\", \"203.0.113.8\"]"));
    let rows: [(&[&str], &str, bool); 6] = [
        (&["--trust", &ours], "", true),
        (&["--trust", &others], "", false),
        (&["--trust", &others, "--trust", "127.0.0.1"], "", true),
        (&["--trust", "203.0.113.0/24,127.0.0.0/8"], "", true),
        (&[], "203.0.113.0/24", false),
        (&["--trust", "127.0.0.1"], "203.0.113.0/24", true),
    ];
    for (flags, variable, recorded) in rows {
        let env = [("THROUGHLINE_TRUST", variable), ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
        let mut binary =
            Binary::with_env(&[&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url], flags].concat(), &env);
        let context = Traceparent::fresh(1);
        assert_eq!(ask(binary.proxy().await, &marked_get("/", &context)).await.status(), 200);
        let arrived = Traceparent::parse(&upstream.last().await.head.value("traceparent"));
        assert_eq!(arrived.parent_id != context.parent_id, recorded, "{flags:?} {variable:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_pages_are_results() {
    for (args, title) in [(&["man"][..], ".TH throughline 1"), (&["man", "proxy"], ".TH throughline-proxy 1")] {
        let finished = run(args, &[]).await;
        assert!(finished.status.success() && finished.stderr.is_empty(), "{args:?}: {}", finished.stderr);
        assert!(finished.stdout.contains(title), "{args:?}: {}", finished.stdout);
        assert!(!finished.stdout.contains("demo-service") && !finished.stdout.contains("stdin"), "hidden stays hidden");
    }
    let page = run(&["man", "proxy"], &[]).await.stdout.replace('\\', "");
    assert!(page.contains("--listen") && page.contains("THROUGHLINE_LISTEN"), "{page}");
    for hidden in ["nope", "demo-service"] {
        let finished = run(&["man", hidden], &[]).await;
        assert_eq!((finished.status.code(), finished.stdout.as_str()), (Some(2), ""), "{hidden}");
        assert_eq!(finished.stderr.lines().count(), 1, "{hidden}: {}", finished.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_arguments_the_help_is_the_result() {
    let finished = run(&[], &[]).await;
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(0), ""));
    for part in ["Usage: throughline <COMMAND>", "  proxy ", "Examples:"] {
        assert!(finished.stdout.contains(part), "{part} in {}", finished.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_set_to_nothing_is_not_set() {
    let upstream = Upstream::ok().await;
    let url = format!("http://{}", upstream.addr());
    let names = [
        "SERVICE",
        "EXPORT",
        "RECORD",
        "INJECT",
        "SAMPLED",
        "INSTRUMENTED",
        "SAME_BACKEND",
        "TRUST",
        "TRUSTED_HOP",
        "FORWARDED",
        "UPSTREAM_CA",
        "THREADS",
        "ADMIN",
        "ACCESS_LOG",
        "CONNECT_TIMEOUT",
        "READ_TIMEOUT",
        "WRITE_TIMEOUT",
        "IDLE_TIMEOUT",
        "UPSTREAM_IDLE_TIMEOUT",
        "MAX_HEADER_BYTES",
    ];
    let names: Vec<String> = names.iter().map(|name| format!("THROUGHLINE_{name}")).collect();
    let mut env: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    env.push(("THROUGHLINE_UPSTREAM", &url));
    let mut binary = Binary::with_env(&["proxy", "--listen", "127.0.0.1:0"], &env);
    assert_eq!(ask(binary.proxy().await, &get("/", &[])).await.status(), 200);
    assert!(eventually("the announcement", || Some(binary.stderr())).await.contains("service \"127.0.0.1:"));
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success() && finished.stdout.is_empty(), "no access log: {finished:?}");

    let missing = run(&["proxy", "--upstream", &url], &[("THROUGHLINE_LISTEN", "")]).await;
    assert_eq!(missing.status.code(), Some(2));
    assert!(missing.stderr.contains("--listen") && missing.stderr.lines().count() == 1, "{}", missing.stderr);
}
