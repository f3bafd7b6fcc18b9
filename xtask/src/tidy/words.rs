//! Rules on words: what is unfinished, and what belongs to the place of work rather than to the project.
//!
//! The words stand here in pieces, so that this file keeps its own rule.

use super::source;
use super::{File, Found};

/// In comments.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// In code.
const GAPS: &[&str] = &["todo!", "unimplemented!", "#[ignore"];

/// Anywhere, in any case; the second part says what to write instead.
const ELSEWHERE: &[(&str, &str)] = &[
    (concat!("must", " show"), "say what is guaranteed, not what was demanded"),
    (concat!("closing", " note"), "the result stands in the documents"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("issue", " #"), "say what it is about"),
    (concat!("fixes", " #"), "say what it is about"),
    (concat!("closes", " #"), "say what it is about"),
    (concat!("this", " session"), "say who or what acts"),
];

pub(super) fn nothing_unfinished(file: &File) -> Vec<Found> {
    let comments = source::comments(&file.text);
    let code = source::code(&file.text);
    let mut found = Vec::new();
    for (line, (comment, code)) in (1..).zip(comments.lines().zip(code.lines())) {
        let words = |line: &str, word: &str| line.split(|c: char| !c.is_alphanumeric()).any(|found| found == word);
        found.extend(PROMISES.iter().filter(|word| words(comment, word)).map(|word| Found::at(line, *word)));
        found.extend(GAPS.iter().filter(|gap| code.contains(**gap)).map(|gap| Found::at(line, *gap)));
    }
    found
}

pub(super) fn project_words(file: &File) -> Vec<Found> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        let text = text.to_lowercase();
        for (words, instead) in ELSEWHERE {
            if text.contains(words) {
                found.push(Found::at(line, format!("`{words}`: {instead}")));
            }
        }
        if names_an_issue(&text) {
            found.push(Found::at(line, "an issue by its number: say what it is about"));
        }
    }
    found
}

/// The word with a number, or a hash with one in brackets. A colour or a fragment has more than digits after the hash.
fn names_an_issue(text: &str) -> bool {
    let digit_after = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            text.get(at + word.len()..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    digit_after("issue ") || digit_after("(#")
}
