//! The published schema of the configuration file, judged by a validator that is not ours: it takes what the agent takes,
//! and refuses what it refuses.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use throughline_tests::binary::run;
use throughline_tests::real::{python, skipped};

/// A file, whether it is one, and why.
type Row = (&'static str, bool, &'static str);

const PROXY: &str =
    "file_format: \"1\"\nproxies:\n  - listen: 127.0.0.1:8080\n    upstream: http://a\n    service: a\n";

const ROWS: &[Row] = &[
    ("", true, "nothing more"),
    ("    record: all\n    inject: off\n    admission: off\n", true, "off is a text"),
    ("    admission: {rate: 0.5, burst: 3, keep: 5}\n", true, "limits"),
    ("    timeouts: {read: 5, write: 500ms, idle: 1m 30s, connect: '${env:NOT_SET:-5s}'}\n", true, "durations"),
    ("    trust: 10.0.0.0/8\n    trusted_hops: [10.0.0.0/8]\n", true, "one or several"),
    ("    access_log: ${env:NOT_SET:-true}\n    max_header_bytes: ${env:NOT_SET:-1000}\n", true, "variables"),
    ("    egress: {listen: '127.0.0.1:1', allow: ['*']}\n", true, "a section"),
    (
        "threads: 4\nexport: {to: none, queue: {max_size: 100, max_batch: 10}}\nreport: {suppress: G104}\n",
        true,
        "sections",
    ),
    ("probe: {enabled: false}\n", true, "a word that is a truth value, too"),
    (
        "probe: {enabled: auto, targets: ['port:80'], names: [{when: all, name: a}], budget: 5, gate: 5s}\n",
        true,
        "the probe",
    ),
    ("probe: {enabled: sometimes}\n", false, "no such word"),
    ("    lisen: x\n", false, "an unknown key of a proxy"),
    ("exports: {}\n", false, "an unknown section"),
    ("    record: some\n", false, "no such word"),
    ("    instrumented: 5\n", false, "no truth value"),
    ("    timeouts: {read: soon}\n", false, "no duration"),
    ("    admission: on\n", false, "not off"),
    ("    admission: {rat: 1}\n", false, "an unknown limit"),
    ("    egress: {allow: ['*']}\n", false, "nowhere to listen"),
    ("threads: many\n", false, "no number"),
    ("export: otlp\n", false, "a value where a section belongs"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_and_the_agent_agree() {
    let Some(python) = python() else {
        return skipped("the_schema_and_the_agent_agree", "no Python with jsonschema; cargo xtask test makes one");
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("a path of text").to_owned()
    };
    let schema = write("schema.json", &run(&["config", "schema"], &[]).await.stdout);
    let example = write("example.yaml", &run(&["config", "init"], &[]).await.stdout);
    let shown = write("shown.yaml", &run(&["config", "show", &example], &[]).await.stdout);
    let mut files = vec![(example, true, "the example"), (shown, true, "what it comes to")];
    for (n, (keys, valid, reason)) in ROWS.iter().enumerate() {
        files.push((write(&format!("{n}.yaml"), &format!("{PROXY}{keys}")), *valid, reason));
    }
    let missing = write("missing.yaml", &PROXY.replace("    service: a\n", ""));
    files.push((missing, false, "a key that is missing"));

    let verdicts = validate(&python, &schema, files.iter().map(|(name, ..)| name.as_str()));
    assert_eq!(verdicts.len(), files.len(), "{verdicts:?}");
    for ((name, valid, reason), verdict) in files.iter().zip(verdicts) {
        assert_eq!(verdict == format!("{name} valid"), *valid, "{reason}: {verdict}");
        let checked = run(&["config", "validate", name], &[]).await;
        assert_eq!(checked.status.success(), *valid, "{reason}: {}", checked.stderr);
    }
}

/// One line for each file.
fn validate<'a>(python: &Path, schema: &str, files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/validate.py");
    let mut command = Command::new(python);
    command.arg(script).arg(schema).args(files).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().expect("the validator starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
