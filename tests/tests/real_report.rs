//! The report's JSON judged by a validator that is not ours, and the fixes of `explain` run by the languages they are
//! written in.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use throughline_tests::Upstream;
use throughline_tests::binary::{Binary, run};
use throughline_tests::context::{MARK, Traceparent};
use throughline_tests::real::{program, python, skipped};
use throughline_tests::recording::{Behaviour, Recording, SECOND, now};
use throughline_tests::upstream::nobody;

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_what_their_schema_says() {
    let Some(python) = python() else {
        return skipped("reports_are_what_their_schema_says", "no Python with jsonschema; cargo xtask test makes one");
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("a path of text").to_owned();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file can be written");
    write("report.schema", &run(&["report", "--schema"], &[]).await.stdout);
    write("test.schema", &run(&["test", "--schema"], &[]).await.stdout);
    write("full.ndjson", &format!("{}nonsense\n", recording()));
    write("hops.yaml", "- shop -> cart\n- cart -> stock\n- shop -> nowhere\n");
    let full =
        [&file("full.ndjson"), &format!("http://{}", nobody()), "--expect", &file("hops.yaml")].map(str::to_owned);
    let rows: Vec<(&str, Vec<String>)> = vec![
        ("full.json", full.to_vec()),
        (
            "hidden.json",
            [&full[..], &["--suppress", "G103", "--min-confidence", "confirmed"].map(str::to_owned)].concat(),
        ),
        ("failing.json", [&full[..], &["--fail-on", "info", "--since", "1h"].map(str::to_owned)].concat()),
        ("empty.json", vec!["/dev/null".to_owned()]),
    ];
    for (name, args) in &rows {
        let args: Vec<&str> = ["report", "-o", "json"].into_iter().chain(args.iter().map(String::as_str)).collect();
        write(name, &run(&args, &[]).await.stdout);
    }
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(file("full.json")).expect("a file")).expect("JSON");
    assert!(report["hops"][0]["findings"][0]["evidence"][0].is_object(), "a report with all there is: {report:#}");
    assert!(report["history"][0].is_object() && report["sources"][1]["problems"][0].is_object(), "{report:#}");
    let mut changed = report.clone();
    changed["hops"][0]["verdict"] = "perhaps".into();
    write("wrong-word.json", &changed.to_string());
    changed = report;
    changed.as_object_mut().expect("an object").remove("coverage");
    write("missing-key.json", &changed.to_string());

    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).chain(["wrong-word.json", "missing-key.json"]).collect();
    let verdicts = validate(&python, &file("report.schema"), names.iter().map(|name| file(name)));
    for (name, verdict) in names.iter().zip(&verdicts) {
        let valid = !name.starts_with("wrong") && !name.starts_with("missing");
        assert_eq!(*verdict == format!("{} valid", file(name)), valid, "{verdict}");
    }
    assert_eq!(verdicts.len(), names.len(), "{verdicts:?}");

    let page = Upstream::ok().await;
    let (url, agent) = (format!("http://{}", page.addr()), format!("http://{}", nobody()));
    let args = ["test", &url, "--agent", &agent, "--requests", "1", "-o", "json"];
    let test = Binary::start(&args).finished_within(std::time::Duration::from_secs(90)).await;
    write("test.json", &test.stdout);
    let verdicts = validate(&python, &file("test.schema"), [file("test.json")].into_iter());
    assert_eq!(verdicts, [format!("{} valid", file("test.json"))]);
}

/// Findings, history, hops without any, and an escape.
fn recording() -> String {
    let mut recording = Recording::new("agent\u{1b}[1m");
    let begin = now() - 600 * SECOND;
    for number in 0..60 {
        let at = begin + number * 9 * SECOND;
        let (behaviour, epoch) = if number < 30 { (Behaviour::LosesMark, "v1") } else { (Behaviour::Forwards, "v2") };
        recording.hop("shop", "cart", at, behaviour, epoch);
        recording.hop("cart", "stock", at + 3 * SECOND, Behaviour::LosesMark, "v1");
    }
    recording.text().to_owned()
}

/// One line for each file.
fn validate(python: &Path, schema: &str, files: impl Iterator<Item = String>) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/validate.py");
    let mut command = Command::new(python);
    command.arg(script).arg(schema).args(files).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().expect("the validator starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// The code of a fix, indented by `indent`, with its call going to `peer`.
async fn fix(code: &str, language: &str, indent: usize, peer: &Upstream) -> String {
    let text = run(&["explain", code, "--language", language], &[]).await.stdout;
    let (_, after) = text.split_once("\nFix in ").expect("there is a fix");
    let code = after.lines().filter_map(|line| line.strip_prefix("    "));
    let code: String = code.map(|line| format!("{:indent$}{line}\n", "")).collect();
    assert!(code.contains("http://cart/"), "{code}");
    code.replace("http://cart", &format!("http://{}", peer.addr()))
}

/// What the fix sent on beside what arrived.
async fn judge(mut command: Command, peer: &Upstream, arrived: &Traceparent) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let head = String::from_utf8_lossy(&peer.last().await.head.0).to_lowercase();
    assert!(head.contains(&format!("\r\ntracestate: {MARK}\r\n")), "the mark goes on: {head}");
    assert!(head.contains(&format!("\r\ntraceparent: 00-{}-", arrived.trace_id)), "and the trace: {head}");
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fixes_for_python_send_both_headers() {
    let Some(python) = python() else {
        return skipped("the_fixes_for_python_send_both_headers", "no Python with Flask; cargo xtask test makes one");
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for code in ["G101", "G102"] {
        let (peer, arrived) = (Upstream::ok().await, Traceparent::fresh(1));
        let fix = fix(code, "python", 4, &peer).await;
        let text = format!(
            "import requests\nfrom flask import Flask, request\napp = Flask(__name__)\n\n\n@app.get(\"/\")\ndef page():\n\
             {fix}    return \"ok\"\n\n\nheaders = {{\"traceparent\": \"{arrived}\", \"tracestate\": \"{MARK}\"}}\n\
             assert app.test_client().get(\"/\", headers=headers).status_code == 200\n"
        );
        let mut command = Command::new(&python);
        command.arg(script(folder.path(), &format!("{code}.py"), &text)).env("PYTHONDONTWRITEBYTECODE", "1");
        judge(command, &peer, &arrived).await;
    }
    let sampler = run(&["explain", "G103", "--language", "python"], &[]).await.stdout;
    let (_, code) = sampler.split_once("\nFix in ").expect("there is a fix");
    let code: String =
        code.lines().filter_map(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n")).collect();
    let uses = "from opentelemetry import context, trace\nfrom opentelemetry.trace.propagation import tracecontext\n\
                from opentelemetry.sdk.trace import TracerProvider\ncarrier = {\"traceparent\": \"00-\" + \"1\" * 32 + \"-\" + \"2\" * 16 + \"-01\", \"tracestate\": \"checkly=true\"}\n\
                parent = tracecontext.TraceContextTextMapPropagator().extract(carrier)\n\
                span = TracerProvider(sampler=ChecklySampler()).get_tracer(\"t\").start_span(\"s\", context=parent)\n\
                assert span.get_span_context().trace_state.get(\"checkly\") == \"true\", span\n";
    let output = Command::new(&python).arg(script(folder.path(), "sampler.py", &format!("{code}{uses}"))).output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "the sampler keeps it: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fix_for_node_sends_both_headers() {
    let Some(node) = program("node") else {
        return skipped("the_fix_for_node_sends_both_headers", "no node in PATH");
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (peer, arrived) = (Upstream::ok().await, Traceparent::fresh(1));
    let fix = fix("G101", "node", 2, &peer).await;
    let text = format!(
        "const req = {{ headers: {{ traceparent: \"{arrived}\", tracestate: \"{MARK}\" }} }};\n(async () => {{\n{fix}}})();\n"
    );
    let mut command = Command::new(node);
    command.arg(script(folder.path(), "fix.js", &text));
    judge(command, &peer, &arrived).await;
}
