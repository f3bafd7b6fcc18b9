//! Each rule firing, and each keeping silent; then all of them on this tree.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;

/// The findings of the rule called `name` on a tree of these files, as `path:line`.
fn fires(name: &str, files: &[(&str, &str)]) -> Vec<String> {
    let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
    let found = findings(rule, &Tree::of(files)).into_iter().filter(|(_, found)| !found.warning);
    found.map(|(path, found)| format!("{path}:{}", found.line)).collect()
}

/// Rule, path, text, the line that it should name (`None`: silent), and why.
type Row = (&'static str, &'static str, &'static str, Option<usize>, &'static str);

fn check_rows(rows: &[Row]) {
    for (rule, path, text, line, why) in rows {
        let expected: Vec<String> = line.iter().map(|line| format!("{path}:{line}")).collect();
        assert_eq!(fires(rule, &[(path, text)]), expected, "{rule}: {why}");
    }
}

#[test]
fn rules_on_files() {
    check_rows(&[
        ("doc-header", "agent/src/a.rs", "use std::fmt;\n", Some(1), "no header"),
        ("doc-header", "agent/src/a.rs", "// one slash too few\n", Some(1), "a comment is no header"),
        ("doc-header", "agent/src/a.rs", "//! Owns a.\n", None, "a header"),
        ("doc-header", "README.md", "# title\n", None, "not Rust"),
        ("module-names", "agent/src/trace/mod.rs", "", Some(0), "mod.rs"),
        ("module-names", "agent/src/utils.rs", "", Some(0), "a file that owns nothing"),
        ("module-names", "agent/src/helpers/x.rs", "", Some(0), "a folder that owns nothing"),
        ("module-names", "agent/src/a.rs", "\npub(crate) mod types {}\n", Some(2), "an inline module"),
        ("module-names", "agent-ebpf/common/src/lib.rs", "", None, "the package throughline-common"),
        ("module-names", "agent/src/a.rs", "mod ids;\n// mod utils;\n", None, "a comment declares nothing"),
        ("white-space", "a.md", "x\ty\n", Some(1), "a tab"),
        ("white-space", "a.md", "x\ny \n", Some(2), "a blank at the end"),
        ("white-space", "a.md", "x\r\n", Some(1), "a line end of another system"),
        ("white-space", "a.md", "x", Some(1), "no line end"),
        ("white-space", "a.md", "x y\n", None, "clean"),
    ]);
}

#[test]
fn long_files_warn_before_they_fail() {
    let length = |lines: usize| {
        let rule = RULES.iter().find(|rule| rule.name == "file-length").unwrap();
        let found = findings(rule, &Tree::of(&[("a.rs", &"\n".repeat(lines))]));
        found.first().map(|(_, found)| found.warning)
    };
    assert_eq!(length(400), None);
    assert_eq!(length(401), Some(true), "a question");
    assert_eq!(length(601), Some(false), "a failure");
}

#[test]
fn rules_on_imports() {
    check_rows(&[
        ("pure-modules", "agent/src/trace/a.rs", "use tokio::time;\n", Some(1), "a runtime"),
        ("pure-modules", "agent/src/trace.rs", "use std::{fmt, fs};\n", Some(1), "fs inside a tree"),
        ("pure-modules", "agent/src/gap/a.rs", "fn f() {\n    std::env::var(\"A\");\n}\n", Some(2), "a path in code"),
        (
            "pure-modules",
            "agent/src/export/encode.rs",
            "fn f() { Instant::now(); }\n",
            Some(1),
            "the clock is an argument",
        ),
        ("pure-modules", "agent/src/trace/a.rs", "use std::net::{IpAddr, SocketAddr};\n", None, "addresses are values"),
        ("pure-modules", "agent/src/trace/a.rs", "// use std::fs;\nconst A: &str = \"tokio::x\";\n", None, "no code"),
        ("pure-modules", "agent/src/trace/a.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", None, "a test"),
        ("pure-modules", "agent/src/trace/a/tests.rs", "use std::fs;\n", None, "a file of tests"),
        ("pure-modules", "agent/src/export.rs", "use std::fs;\n", None, "not pure"),
        ("one-importer", "agent/src/app.rs", "use pingora::proxy;\n", Some(1), "pingora outside proxy"),
        ("one-importer", "agent/src/app.rs", "use pingora_http::RequestHeader;\n", Some(1), "one of its parts"),
        ("one-importer", "agent/src/proxy/a.rs", "use pingora::proxy;\n", None, "its importer"),
        ("one-importer", "agent/src/admin.rs", "use opentelemetry_otlp::X;\n", Some(1), "OTLP outside export"),
        ("one-importer", "agent/src/config.rs", "#[derive(clap::Parser)]\nstruct A;\n", Some(1), "clap outside cli"),
        ("one-importer", "agent/src/cli/proxy.rs", "use clap::Args;\n", None, "its importer"),
        ("one-direction", "agent/src/proxy/a.rs", "use crate::export::Queue;\n", Some(1), "source to sink"),
        ("one-direction", "agent/src/proxy/a.rs", "use super::super::export::Queue;\n", Some(1), "the same by super"),
        ("one-direction", "agent/src/trace/a.rs", "use crate::config::Config;\n", Some(1), "config knows trace"),
        ("one-direction", "agent/src/admin.rs", "use crate::app;\n", Some(1), "nothing knows app"),
        ("one-direction", "agent/src/main.rs", "use throughline::app;\n", None, "but main"),
        ("one-direction", "agent/src/proxy/a.rs", "use crate::trace::sink::SpanSink;\n", None, "the right way"),
        ("one-direction", "agent/src/export.rs", "use crate::application::X;\n", None, "another word"),
        ("promised-formats", "agent/src/trace/a.rs", "use serde::Serialize;\n", Some(1), "no promise"),
        ("promised-formats", "agent/src/export/print.rs", "use serde::Serialize;\n", None, "promised"),
        ("promised-formats", "agent/src/proxy/a.rs", "use serde_json::json;\n", None, "writes JSON, derives nothing"),
        ("kernel-border", "agent-ebpf/src/main.rs", "use throughline::trace;\n", Some(1), "the agent"),
        ("kernel-border", "agent-ebpf/common/src/lib.rs", "use std::fmt;\n", Some(1), "no std"),
        ("kernel-border", "agent-ebpf/src/main.rs", "use throughline_common::X;\n", None, "the border itself"),
        ("outside-crates", "xtask/src/a.rs", "use throughline::app;\n", Some(1), "the workspace"),
        ("outside-crates", "tests/src/a.rs", "#[path = \"../../agent/src/a.rs\"]\nmod a;\n", Some(1), "not public"),
        ("outside-crates", "tests/tests/a.rs", "#[path = \"a/b.rs\"]\nmod b;\n", None, "a suite in several files"),
        ("outside-crates", "tests/src/a.rs", "use throughline::app;\n", None, "public"),
        ("no-glob-exports", "agent/src/a.rs", "pub use ids::*;\n", Some(1), "all of it"),
        ("no-glob-exports", "agent/src/a.rs", "pub(crate) use ids::{A, more::*};\n", Some(1), "inside a tree"),
        ("no-glob-exports", "agent/src/a.rs", "pub use ids::A;\nuse x::*;\n", None, "not exported"),
    ]);
}

#[test]
fn rules_on_words() {
    let promise = concat!("//! Owns a.\n// TO", "DO: more\n");
    let number = concat!("see is", "sue 12\n");
    let demand = concat!("Mu", "st show: x\n");
    let place = concat!("/wo", "rk/a\n");
    check_rows(&[
        ("nothing-unfinished", "a.rs", promise, Some(2), "a promise"),
        ("nothing-unfinished", "a.rs", "fn f() { todo!() }\n", Some(1), "a gap"),
        ("nothing-unfinished", "a.rs", "#[test]\n#[ignore]\nfn f() {}\n", Some(2), "a test that is off"),
        ("nothing-unfinished", "a.rs", "const A: &str = \"todo!\";\n", None, "a string"),
        ("project-words", "a.md", number, Some(1), "a number of the tracker"),
        ("project-words", "a.rs", demand, Some(1), "words of the place of work, in any case"),
        ("project-words", "a.toml", place, Some(1), "a path of one machine"),
        ("project-words", "a.md", "issues: 12 (see [x](#anchor))\n", None, "neither"),
    ]);
}

#[test]
fn rules_on_manifests() {
    let versioned = "[dependencies]\ntokio = \"1\"\n";
    let inherited =
        "[package]\nversion = \"1\"\n\n[dependencies]\ntokio = { workspace = true, features = [\n    \"rt\",\n] }\n";
    check_rows(&[
        ("one-version", "agent/Cargo.toml", versioned, Some(2), "a version of its own"),
        ("one-version", "agent/Cargo.toml", "[dev-dependencies.tokio]\nversion = \"1\"\n", Some(1), "as a table"),
        ("one-version", "agent/Cargo.toml", inherited, None, "the workspace's"),
        ("one-version", "tests/fuzz/Cargo.toml", versioned, None, "not in the workspace"),
        ("small-xtask", "xtask/Cargo.toml", "[dependencies]\nzstd.workspace = true\n", Some(2), "needs a compiler"),
        ("small-xtask", "xtask/Cargo.toml", "[dependencies]\nanyhow.workspace = true\n", None, "small"),
        ("lock-file", "Cargo.lock", "", None, "there"),
    ]);
    assert_eq!(fires("lock-file", &[]), ["Cargo.lock:0"]);
    assert_eq!(fires("lock-file", &[("Cargo.lock", ""), (".gitignore", "/target/\n/Cargo.lock\n")]), [".gitignore:2"]);
}

#[test]
fn rules_on_the_kernel_object() {
    use crate::kernel_object::{ALLOWED_HELPERS, built_from, elf_tests};

    let fires = |name: &str, tree: Tree| -> usize {
        let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
        findings(rule, &tree).len()
    };
    let object = |number: u8| elf_tests::object(&[elf_tests::helper(number), elf_tests::EXIT]);
    let calls = |number: u8| fires("observes-only", Tree::of(&[]).with_object(object(number)));
    assert_eq!(calls(1), 0, "a lookup");
    assert_eq!(calls(36), 1, "a write into a process");
    assert_eq!(fires("observes-only", Tree::of(&[]).with_object(b"x".to_vec())), 1, "no object");
    assert!(ALLOWED_HELPERS.iter().all(|(_, name)| !name.contains("write")));

    let source = ("agent-ebpf/src/main.rs", "//! x\n");
    let said = built_from(&[(source.0, source.1.as_bytes())], &object(1));
    let fresh = |files: &[(&str, &str)], number: u8| fires("fresh-object", Tree::of(files).with_object(object(number)));
    let built = ("agent-ebpf/object/built-from.txt", said.as_str());
    assert_eq!(fresh(&[source, built], 1), 0, "as it was built");
    assert_eq!(fresh(&[("agent-ebpf/src/main.rs", "//! y\n"), built], 1), 1, "a source was changed");
    assert_eq!(fresh(&[source, built], 2), 1, "the object was");
    assert_eq!(fresh(&[source], 1), 1, "nothing is said");
    assert_eq!(fires("fresh-object", Tree::of(&[source])), 1, "no object at all");
}

#[test]
fn rules_on_documents() {
    let guide = ("docs/guide.md", "# A guide\n## When `x` fails?\n## A guide\n");
    let links = |text: &str| fires("links", &[("README.md", text), guide]);
    assert_eq!(links("[a](docs/guide.md) [b](https://example.com/x) [c](./docs/guide.md#when-x-fails)\n").len(), 0);
    assert_eq!(links("[a](docs/guide.md#a-guide-1)\n").len(), 0, "the second of two headings");
    assert_eq!(links("\n[a](docs/none.md)\n"), ["README.md:2"], "no file");
    assert_eq!(links("[a](docs/guide.md#nowhere)\n"), ["README.md:1"], "no heading");
    assert_eq!(links("[a](#nowhere)\n"), ["README.md:1"], "no heading here");
    assert_eq!(links("```\n[a](none.md)\n```\n`[a](none.md)`\n").len(), 0, "code");

    let cli = ("agent/src/cli/proxy.rs", "//! x\nstruct A {\n    upstream_ca: u8,\n}\n");
    let flags = |text: &str| fires("documented-flags", &[("README.md", text), cli]);
    assert_eq!(flags("| `--upstream-ca FILE` | x |\n|---|---|\n").len(), 0, "a field of that name");
    assert_eq!(flags("| `--upstream-cb` | x |\n"), ["README.md:1"], "no such flag");
    assert_eq!(flags("pip install --user\n").len(), 0, "not in a table");
}

#[test]
fn source_is_told_apart() {
    let text = "let a = 'x'; /* b /* c */ d */ let r = r#\"e \" f\"#; fn g<'a>() {} // h\n\"\\\" i\"; b'\\''; j";
    let code: String = source::code(text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, "let a = ; let r = ; fn g<'a>() {} ; b ; j");
    assert_eq!(source::comments(text).split_whitespace().collect::<Vec<_>>().join(" "), "/* b /* c */ d */ // h");
    let paths = source::named_paths("pub use a::{self, b::{c as d, e}, f::*};\nx.y(g::h::<i::J>());");
    let named: Vec<&str> = paths.iter().map(|named| named.path.as_str()).collect();
    assert_eq!(named, ["a", "a::b::c", "a::b::e", "a::f::*", "g::h", "i::J"]);
    assert_eq!(paths.iter().map(|named| (named.line, named.exported)).next_back(), Some((2, false)));
    assert!(paths.first().is_some_and(|named| named.exported));
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_reason() {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
    assert!(RULES.iter().all(|rule| !rule.reason.is_empty()));
}

#[test]
fn this_tree_keeps_every_rule() {
    let report = check(&Tree::read(&crate::workspace::root()).unwrap());
    assert_eq!(report.failed_rules(), 0, "\n{report}");
}
