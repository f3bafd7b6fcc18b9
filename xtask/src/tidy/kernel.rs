//! Rules on the kernel object: what it may call, and that it comes from the sources beside it.

use super::{Found, Tree};
use crate::kernel_object::{ALLOWED_HELPERS, BUILT_FROM, Call, OBJECT, built_from, calls, is_source};

pub(super) fn observes_only(tree: &Tree) -> Vec<(String, Found)> {
    let Some(object) = tree.object() else { return Vec::new() };
    let found = |what: String| (OBJECT.to_owned(), Found::at(0, what));
    let Some(calls) = calls(object) else { return vec![found("is no object of kernel programs".to_owned())] };
    let refused = |call: &Call| match *call {
        Call::Helper(number) if ALLOWED_HELPERS.iter().any(|(allowed, _)| *allowed == number) => None,
        Call::Helper(number) => Some(format!("calls the helper with number {number}")),
        Call::KernelFunction => Some("calls a function of the kernel that is no helper".to_owned()),
        Call::Atomic => Some("changes memory by an atomic instruction".to_owned()),
    };
    calls.iter().filter_map(refused).map(found).collect()
}

pub(super) fn fresh_object(tree: &Tree) -> Vec<(String, Found)> {
    let sources: Vec<(&str, &[u8])> = tree.texts().filter(|(path, _)| is_source(path)).collect();
    let found = |path: &str, what: &str| vec![(path.to_owned(), Found::at(0, what))];
    let Some(object) = tree.object() else {
        return if sources.iter().any(|(path, _)| path.ends_with("src/main.rs")) {
            found(OBJECT, "is missing; run: cargo xtask build-ebpf")
        } else {
            Vec::new()
        };
    };
    let said = tree.file(BUILT_FROM).map(|file| file.text.as_str());
    if said == Some(&built_from(&sources, object)) {
        return Vec::new();
    }
    found(BUILT_FROM, "speaks of other sources or another object; run: cargo xtask build-ebpf")
}
