//! Rules on files as such: how they open, how long they are, what they are called, how their lines end.

use super::source;
use super::{File, Found};

/// Longer than 600 lines, and why that is right.
const LONG_FOR_A_REASON: &[(&str, &str)] = &[];

/// Names that say nothing of what lies inside.
const SAYS_NOTHING: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "manager", "handler", "misc"];

pub(super) fn doc_header(file: &File) -> Vec<Found> {
    if file.text.starts_with("//!") { Vec::new() } else { vec![Found::at(1, "does not open with `//!`")] }
}

pub(super) fn length(file: &File) -> Vec<Found> {
    let lines = file.text.lines().count();
    let excused = LONG_FOR_A_REASON.iter().any(|(path, _)| *path == file.path);
    if lines <= 400 || excused {
        return Vec::new();
    }
    vec![Found { line: 0, what: format!("{lines} lines"), warning: lines <= 600 }]
}

pub(super) fn module_names(file: &File) -> Vec<Found> {
    let mut found = Vec::new();
    if file.path.ends_with("/mod.rs") {
        found.push(Found::at(0, "is a `mod.rs`"));
    }
    // The folder `common` of the kernel crates is a package's, and its name is throughline-common.
    let own = file.path.strip_prefix("agent-ebpf/common/").unwrap_or(&file.path);
    for segment in own.trim_end_matches(".rs").split('/') {
        if SAYS_NOTHING.contains(&segment) {
            found.push(Found::at(0, format!("is called `{segment}`")));
        }
    }
    for (line, code) in (1..).zip(source::code(&file.text).lines()) {
        let mut words = code.split_whitespace().skip_while(|word| *word != "mod").skip(1);
        let name = words.next().unwrap_or_default().trim_end_matches([';', '{']);
        if SAYS_NOTHING.contains(&name) {
            found.push(Found::at(line, format!("declares a module `{name}`")));
        }
    }
    found
}

pub(super) fn white_space(file: &File) -> Vec<Found> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(file.text.split_inclusive('\n')) {
        let Some(text) = text.strip_suffix('\n') else {
            found.push(Found::at(line, "the last line does not end"));
            continue;
        };
        if text.contains('\t') {
            found.push(Found::at(line, "a tab"));
        }
        if text.ends_with([' ', '\t', '\r']) {
            found.push(Found::at(line, "white space at the end of the line"));
        }
    }
    found
}
