//! `throughline config`, and how `agent` refuses a file.

use throughline_tests::binary::run;
use throughline_tests::upstream::nobody;

use super::{File, file_of};

#[tokio::test(flavor = "multi_thread")]
async fn an_example_is_printed_or_written_once() {
    let printed = run(&["config", "init"], &[]).await;
    assert!(printed.status.success() && printed.stderr.is_empty(), "{}", printed.stderr);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("new.yaml");
    let name = path.to_str().expect("a path of text");
    let written = run(&["config", "init", "--output", name], &[]).await;
    assert!(written.status.success(), "{}", written.stderr);
    assert_eq!(std::fs::read_to_string(&path).expect("it was written"), printed.stdout);

    let checked = run(&["config", "validate", name], &[]).await;
    assert!(checked.status.success() && checked.stderr.is_empty(), "the example is in order: {}", checked.stderr);
    assert!(
        checked.stdout.contains("listen on 127.0.0.1:8080 before http://127.0.0.1:5000 as \"shop\""),
        "{}",
        checked.stdout
    );

    std::fs::write(&path, "mine").expect("it can be written");
    let again = run(&["config", "init", "--output", name], &[]).await;
    assert_eq!(again.status.code(), Some(2));
    assert!(again.stderr.contains("exists, and is left as it is"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine", "never overwritten");
    let nowhere = run(&["config", "init", "--output", "/nowhere/at/all.yaml"], &[]).await;
    assert_eq!((nowhere.status.code(), nowhere.stderr.lines().count()), (Some(2), 1), "{}", nowhere.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_a_line_and_the_exit_code_is_two() {
    let file = File::new(&file_of(&[("shop", nobody(), ", record: some, lisen: 5")], "export: {to: nowhere}"));
    for args in [
        &["config", "validate", file.path()][..],
        &["config", "show", file.path()],
        &["agent", "--config", file.path()],
    ] {
        let finished = run(args, &[]).await;
        assert_eq!(finished.status.code(), Some(2), "{args:?}: {}", finished.stderr);
        assert!(finished.stdout.is_empty(), "{args:?}: {}", finished.stdout);
        let lines: Vec<&str> = finished.stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{args:?}: {lines:#?}");
        let name = file.path();
        for (line, expected) in lines.iter().zip(["3:", "3:", "5:14: export.to: \"nowhere\" cannot be used"]) {
            assert!(line.starts_with(&format!("error: {name}:{expected}")), "{args:?}: {line}");
        }
    }
    for args in
        [&["config", "validate", "/nowhere.yaml"][..], &["agent", "--config", "/nowhere.yaml"], &["agent"], &["config"]]
    {
        let finished = run(args, &[]).await;
        let code = if args == ["config"] { finished.status.code().filter(|code| *code != 1) } else { Some(2) };
        assert_eq!(finished.status.code(), code, "{args:?}: {}", finished.stderr);
    }
    let folder = run(&["config", "validate", "/"], &[]).await;
    assert!(folder.status.code() == Some(2) && folder.stderr.contains("this is a folder"), "{}", folder.stderr);
    let endless = run(&["config", "validate", "/dev/zero"], &[]).await;
    assert!(endless.status.code() == Some(2) && endless.stderr.lines().count() == 1, "{}", endless.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_what_counts_and_no_secret() {
    let sections = "export: {endpoint: 'http://file:1', timeout: 3s, headers: {authorization: 'Bearer ${env:KEY}'}}";
    let file = File::new(&file_of(&[("shop", nobody(), "")], sections));
    let env = [("KEY", "s3cret"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://variable:2")];
    let shown = run(&["config", "show", file.path(), "--threads", "3"], &env).await;
    assert!(shown.status.success() && shown.stderr.is_empty(), "{}", shown.stderr);
    for expected in [
        "# --threads, or its variable, counts more than the file\n",
        "# OTEL_EXPORTER_OTLP_ENDPOINT counts more than the file\n",
        "endpoint: http://variable:2\n",
        "timeout: 3s\n",
        "authorization: (hidden)\n",
        "threads: 3\n",
        "upstream_idle: 1s 500ms\n",
    ] {
        assert!(shown.stdout.contains(expected), "{expected}: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("s3cret"), "{}", shown.stdout);
    let again = File::new(&shown.stdout);
    assert!(run(&["config", "validate", again.path()], &[]).await.status.success(), "what is shown is a file");
    let empty = [("KEY", "s3cret"), ("THROUGHLINE_THREADS", ""), ("THROUGHLINE_ADMIN", "")];
    let unset = run(&["config", "validate", file.path()], &empty).await;
    assert!(unset.status.success(), "an empty variable counts as unset: {}", unset.stderr);
    let missing = run(&["config", "validate", file.path()], &[]).await;
    assert!(missing.stderr.contains("the variable KEY is not set"), "{}", missing.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_one_json_value() {
    let printed = run(&["config", "schema"], &[]).await;
    assert!(printed.status.success());
    let schema: serde_json::Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], serde_json::json!(["file_format"]));
    assert!(!printed.stdout.contains("\"null\""), "what may be left out may not be empty instead");
}
