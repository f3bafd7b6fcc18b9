//! Rules on the documents: links lead somewhere, and flags exist.

use super::{File, Found, Tree};

/// Where the flags of the documented programs are declared.
const DECLARES_FLAGS: &[&str] = &["agent/src/cli", "agent/src/demo", "xtask/src/", "tests/src/"];

pub(super) fn links(tree: &Tree) -> Vec<(String, Found)> {
    let mut found = Vec::new();
    for file in tree.files().iter().filter(|file| is_document(file)) {
        for (line, target) in targets(file) {
            if let Some(problem) = problem(tree, file, &target) {
                found.push((file.path.clone(), Found::at(line, format!("`{target}`: {problem}"))));
            }
        }
    }
    found
}

pub(super) fn documented_flags(tree: &Tree) -> Vec<(String, Found)> {
    let Some(readme) = tree.file("README.md") else { return Vec::new() };
    let declaring = |file: &&File| DECLARES_FLAGS.iter().any(|place| file.path.starts_with(place));
    let sources: Vec<&File> = tree.files().iter().filter(declaring).collect();
    let mut found = Vec::new();
    for (line, text) in prose(readme).filter(|(_, text)| text.trim_start().starts_with('|')) {
        for flag in words(text).filter(|word| is_flag(word)) {
            let name = flag.trim_start_matches('-');
            let field = name.replace('-', "_");
            let known = |word: &str| word.trim_start_matches('-') == name || word == field;
            if !sources.iter().any(|file| words(&file.text).any(known)) {
                found.push((readme.path.clone(), Found::at(line, format!("`{flag}` is declared nowhere"))));
            }
        }
    }
    found
}

fn is_document(file: &File) -> bool {
    file.path.ends_with(".md")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
}

fn is_flag(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The lines outside of fenced code, from 1.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(file.text.lines()).filter(move |(_, text)| {
        let fence = text.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The targets of links, code spans left out.
fn targets(file: &File) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (line, text) in prose(file) {
        let spoken: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for after in spoken.split("](").skip(1) {
            let target = after.split([')', ' ']).next().unwrap_or_default();
            targets.push((line, target.to_owned()));
        }
    }
    targets
}

fn problem(tree: &Tree, from: &File, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { from.path.clone() } else { beside(&from.path, path) };
    if !path.is_empty() && !tree.has(&path) {
        return Some("no such file");
    }
    let document = tree.file(&path).filter(|file| is_document(file))?;
    (!anchor.is_empty() && !anchors(document).iter().any(|known| known == anchor)).then_some("no such heading")
}

/// `target` as seen from the folder that `from` lies in.
fn beside(from: &str, target: &str) -> String {
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            name => segments.push(name),
        }
    }
    segments.join("/")
}

/// The anchors that code hosts give to headings: lower case, words joined by dashes, repeated ones numbered.
fn anchors(file: &File) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (_, text) in prose(file).filter(|(_, text)| text.starts_with('#')) {
        let heading = text.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = seen.iter().filter(|known| **known == anchor).count();
        anchors.push(if before == 0 { anchor.clone() } else { format!("{anchor}-{before}") });
        seen.push(anchor);
    }
    anchors
}
