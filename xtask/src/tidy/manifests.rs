//! Rules on manifests and the lock file.

use super::{File, Found, Tree};

/// Packages outside the workspace, with versions and lock files of their own.
const OWN_WORKSPACES: &[&str] = &["agent-ebpf/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// What xtask may depend on: it is built before anyone knows whether there is a C compiler.
const XTASK_MAY_USE: &[&str] = &["anyhow"];

pub(super) fn one_version(tree: &Tree) -> Vec<(String, Found)> {
    let mut found = Vec::new();
    for file in tree.files().iter().filter(|file| is_member(file)) {
        for (line, text) in dependencies(file) {
            if !text.contains("workspace = true") {
                found.push((file.path.clone(), Found::at(line, format!("`{text}` is not `.workspace = true`"))));
            }
        }
    }
    found
}

pub(super) fn small_xtask(tree: &Tree) -> Vec<(String, Found)> {
    let Some(file) = tree.file("xtask/Cargo.toml") else { return Vec::new() };
    let name = |text: &str| text.split(['.', '=', ' ']).next().unwrap_or_default().to_owned();
    let others = dependencies(file).into_iter().filter(|(_, text)| !XTASK_MAY_USE.contains(&name(text).as_str()));
    others.map(|(line, text)| (file.path.clone(), Found::at(line, format!("depends on `{}`", name(text))))).collect()
}

pub(super) fn lock_file(tree: &Tree) -> Vec<(String, Found)> {
    let mut found = Vec::new();
    if !tree.has("Cargo.lock") {
        found.push(("Cargo.lock".to_owned(), Found::at(0, "is missing")));
    }
    if let Some(ignored) = tree.file(".gitignore") {
        let lines = (1..).zip(ignored.text.lines()).filter(|(_, line)| line.trim_start_matches('/') == "Cargo.lock");
        found.extend(lines.map(|(line, _)| (ignored.path.clone(), Found::at(line, "leaves the lock file out"))));
    }
    found
}

fn is_member(file: &File) -> bool {
    file.path.ends_with("/Cargo.toml") && !OWN_WORKSPACES.contains(&file.path.as_str())
}

/// The lines that name a dependency, in any of the sections for them.
fn dependencies(file: &File) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        let text = text.trim();
        if text.starts_with('[') {
            inside = text.trim_matches(['[', ']']).ends_with("dependencies");
            if text.contains("dependencies.") {
                lines.push((line, text));
            }
        } else if inside && text.contains('=') && !text.starts_with('#') {
            lines.push((line, text));
        }
    }
    lines
}
