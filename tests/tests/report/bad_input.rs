//! Bad recordings and bad arguments: named, never a panic, never a raw escape.

use throughline_tests::binary::{Binary, run};
use throughline_tests::recording::{Behaviour, HEADER, Recording, SECOND, now};

use super::{json, report, shop_and_cart, write};

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_one_clear_line_and_exit_code_2() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = write(folder.path(), "empty.yaml", "[]");
    let empty = empty.to_str().expect("a path");
    let rows: &[(&[&str], &str)] = &[
        (&["report", "ftp://agent"], "ftp://agent"),
        (&["report", "http://agent/v1/report"], "nothing may follow host and port"),
        (&["report", "http://me:pw@agent"], "--token-file"),
        (&["report", "-", "-"], "only once"),
        (&["report", "--since", "soon"], "soon"),
        (&["report", "--suppress", "G999"], "G999"),
        (&["report", "--min-confidence", "sure"], "sure"),
        (&["report", "--fail-on", "everything"], "everything"),
        (&["report", "--expect", "/nowhere/hops"], "/nowhere/hops"),
        (&["report", "--expect", empty], "the list is empty"),
        (&["report", "--token-file", "/nowhere/token"], "/nowhere/token"),
        (&["report", "--token-file", "/dev/null"], "empty"),
        (&["report", "-o", "html"], "not built yet"),
        (&["report", "-o", "sarif"], "table and json"),
        (&["report", "-o", "table", "-o", "json"], "share standard output"),
        (&["report", empty, "-o", "json=/nowhere/report.json"], "/nowhere/report.json"),
        (&["explain", "G999"], "G999"),
        (&["test"], "URL"),
        (&["test", "shop"], "shop"),
        (&["test", "ftp://shop"], "only http and https"),
        (&["test", "http://shop", "--requests", "0"], "0"),
        (&["test", "http://shop", "--agent", "shop.ndjson"], "shop.ndjson"),
        (&["test", "http://shop", "--header", "cookie"], "NAME=VALUE"),
        (&["test", "http://shop", "--header", "tracestate=a=b"], "set by the test itself"),
        (&["test", "http://shop", "--method", "G T"], "no method"),
    ];
    let mut wrong = Vec::new();
    for (args, names) in rows {
        let finished = run(args, &[]).await;
        let errors: Vec<&str> = finished.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        if finished.status.code() != Some(2)
            || errors.len() != 1
            || !errors[0].contains(names)
            || errors[0].contains("pw@")
        {
            wrong.push(format!("{args:?}: {:?} {}", finished.status.code(), finished.stderr));
        }
    }
    assert!(wrong.is_empty(), "one line that names the thing, and exit code 2: {wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_recordings_are_named_and_the_rest_is_judged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark);
    let version_2 = HEADER.replace(":1}", ":2}");
    let rows: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("truncated", whole.get(..whole.len() - 30).expect("ASCII").into(), "truncated", "partial"),
        ("corrupt", format!("{whole}\u{1}\n{{}}\n").into(), "corrupt lines (2)", "partial"),
        ("mixed", format!("{whole}{version_2}{{}}\n").into(), "the version is 2", "partial"),
        ("empty", Vec::new(), "empty", "missing"),
        ("binary", [0xff, 0, b'\n'].repeat(10_000), "another format", "missing"),
        ("twice", format!("{whole}{whole}").into(), "duplicates", "complete"),
    ];
    for (name, bytes, said, state) in rows {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is writable");
        let path = path.to_str().expect("a path");
        let finished = report(&[path]).await;
        assert!(finished.stderr.contains(said) && finished.stderr.contains(path), "{name}: {finished:?}");
        let (code, value) = json(&[path]).await;
        assert_eq!(code, Some(if state == "complete" { 0 } else { 3 }), "{name}: {value:#}");
        assert_eq!(value["sources"][0]["state"], state, "{name}");
        if state != "missing" {
            assert_eq!(value["hops"][0]["findings"][0]["code"], "G103", "{name}: what was read is judged");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_from_outside_cannot_speak_to_the_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let evil = "a\u{1b}[31m\u{9b}2J\u{202e}\r\nb";
    let long = "n".repeat(10_000);
    let mut recording = Recording::new(evil);
    let begin = now() - 400 * SECOND;
    for number in 0..30 {
        recording.hop(evil, "cart", begin + number * 5 * SECOND, Behaviour::LosesMark, evil);
        recording.hop(&long, evil, begin + (number * 5 + 2) * SECOND, Behaviour::LosesMark, "v1");
    }
    let path = write(folder.path(), "evil", &format!("{}not json \u{1b}[2J\n", recording.text()));
    let path = path.to_str().expect("a path");
    for args in [&[path, "--evidence"][..], &[path, "-o", "json"], &[path, "--suppress", "G103"]] {
        let finished = report(args).await;
        let raw = |text: &str| text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}'));
        assert!(!raw(&finished.stdout) && !raw(&finished.stderr), "{finished:?}");
    }
    let page = report(&[path]).await.stdout;
    assert!(page.lines().all(|line| line.chars().count() <= 80) && page.contains('…'), "{page}");
    let (_, value) = json(&[path]).await;
    let services: Vec<&str> =
        value["coverage"]["services"].as_array().expect("a list").iter().flat_map(|v| v.as_str()).collect();
    assert!(services.contains(&evil), "the value itself is kept: {services:?}");
    assert!(services.contains(&"n".repeat(255).as_str()), "up to its bound");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_a_source() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = write(folder.path(), "a", &shop_and_cart(Behaviour::Forwards, Behaviour::Forwards));
    let script = format!("exec \"$0\" \"$@\" < {}", recording.display());
    let finished = Binary::within(&["sh", "-c", &script], &["report", "-", "-o", "json"], &[]).finished().await;
    let value: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert_eq!((&value["sources"][0]["name"], &value["sources"][0]["kind"]), (&"-".into(), &"stdin".into()));
}
