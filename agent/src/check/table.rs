//! The table: one line for each check, with a sign, and a hint below where something is to be done.

use super::result::{Checkup, Line, Totals};
use super::{State, list::Area};
use crate::report::text::{plain, wrap};

/// How it is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
}

/// The narrowest page: below it lines grow longer than asked for.
const NARROWEST: usize = 60;
/// Wider lines are hard to read.
const WIDEST: usize = 120;
/// Columns of the names.
const NAMES: usize = 16;

/// The whole page, with a line end.
#[must_use]
pub fn render(checkup: &Checkup, look: Look) -> String {
    let look = Look { width: look.width.clamp(NARROWEST, WIDEST), ..look };
    let mut out = String::new();
    for (area, title) in AREAS {
        let mut lines = checkup.checks.iter().filter(|line| line.area == *area).peekable();
        if lines.peek().is_some() {
            push(&mut out, &paint(look, "1", title));
            lines.for_each(|line| write_line(&mut out, look, line));
            out.push('\n');
        }
    }
    push(&mut out, &paint(look, colour(worst(checkup)), &conclusion(checkup)));
    out
}

const AREAS: &[(Area, &str)] =
    &[(Area::Probe, "Kernel probe"), (Area::Machine, "Machine"), (Area::Configuration, "Configuration")];

fn write_line(out: &mut String, look: Look, line: &Line) {
    let sign = sign(line.state, look.unicode);
    let name = line.check.replace('_', " ");
    // Two columns before the sign, one after it and one after the name.
    let indent = 2 + sign.chars().count() + 1 + NAMES + 1;
    let room = look.width.saturating_sub(indent);
    let mut before = format!("  {} {name:NAMES$} ", paint(look, colour(line.state), sign));
    for text in wrap(&shown(&line.text, look), room) {
        push(out, &format!("{before}{text}"));
        before = " ".repeat(indent);
    }
    let arrow = if look.unicode { "→ " } else { "-> " };
    let mut before = format!("{}{arrow}", " ".repeat(indent));
    let inner = arrow.chars().count();
    for hint in line.hint.iter().flat_map(|hint| wrap(&shown(hint, look), room.saturating_sub(inner))) {
        push(out, &format!("{before}{hint}"));
        before = " ".repeat(indent + inner);
    }
}

/// Harmless, and within what the terminal can show.
fn shown(text: &str, look: Look) -> String {
    let text = plain(text);
    if look.unicode { text } else { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() }
}

const fn sign(state: State, unicode: bool) -> &'static str {
    match (state, unicode) {
        (State::Ok, true) => "✓",
        (State::Skipped, true) => "–",
        (State::Warning, true) => "!",
        (State::Error | State::NotPermitted, true) => "✗",
        (State::Ok, false) => "ok  ",
        (State::Skipped, false) => "-   ",
        (State::Warning, false) => "warn",
        (State::Error | State::NotPermitted, false) => "FAIL",
    }
}

const fn colour(state: State) -> &'static str {
    match state {
        State::Ok => "32",
        State::Skipped => "2",
        State::Warning => "33",
        State::Error | State::NotPermitted => "31",
    }
}

fn worst(checkup: &Checkup) -> State {
    checkup.checks.iter().map(|line| line.state).max().unwrap_or(State::Ok)
}

fn conclusion(checkup: &Checkup) -> String {
    let Totals { warning, error, not_permitted, .. } = checkup.totals;
    let part = |count: u64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let parts = [
        part(error, "error", "errors"),
        part(not_permitted, "thing not permitted", "things not permitted"),
        part(warning, "warning", "warnings"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match (parts.is_empty(), checkup.exit) {
        (true, _) => "All is well.".to_owned(),
        (false, 0) => format!("It works, with {}.", parts.join(", ")),
        (false, code) => format!("{}; exit code {code}.", parts.join(", ")),
    }
}

fn paint(look: Look, colour: &str, text: &str) -> String {
    if look.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests;
