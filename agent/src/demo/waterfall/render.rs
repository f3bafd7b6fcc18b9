//! Rows to text for a terminal: columns, bars, colours. Decides nothing about the trace.
//!
//! What it prints came over the network: control and bidirectional characters never reach the terminal.

use std::fmt::Write as _;

use super::{Row, Waterfall};

/// The narrowest and the widest page, in columns.
const NARROWEST: usize = 80;
const WIDEST: usize = 100;
/// Columns that are neither label nor bar: duration, status, id and the spaces between.
const FIXED: usize = 9 + 3 + 16 + 4;
/// Of the narrowest page.
const LABEL: usize = 30;

/// Foreground colours of the services, in order of appearance: cyan, green, yellow, magenta, blue.
const COLOURS: [&str; 5] = ["36", "32", "33", "35", "34"];
const RED: &str = "31";
const DIM: &str = "2";
const BOLD: &str = "1";

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns; taken as 80 to 100.
    pub width: usize,
    /// Whether box characters may be used.
    pub unicode: bool,
    /// Whether escape sequences may be used.
    pub colour: bool,
}

impl Look {
    /// What the environment says of the terminal. `variable` looks one up; an empty value counts as none.
    pub fn detect(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        // The first of these that is set decides (POSIX, "Environment Variables", 8.2).
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            width: set("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(NARROWEST),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            colour: is_terminal && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb"),
        }
    }

    /// `text` in a colour, if there are colours.
    pub(in super::super) fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A header line and one line a span, each ended by a line feed.
pub(in super::super) fn render(waterfall: &Waterfall, look: Look) -> String {
    let width = look.width.clamp(NARROWEST, WIDEST);
    let label = LABEL + (width - NARROWEST) / 2;
    let cells = width - FIXED - label;
    let mut services: Vec<&str> = Vec::new();
    let mut text = String::new();

    let title = waterfall.rows.first().map_or("", |row| row.label.as_str());
    let head = format!("trace {}", waterfall.trace_id);
    let rest = format!("  {}  {}", plain(title, look.unicode), milliseconds(waterfall.total).trim_start());
    // Writing to a String cannot fail, so the results below are not looked at.
    let _ = writeln!(text, "{}{}", look.paint(BOLD, &head), cut(&rest, width.saturating_sub(head.len()), look.unicode));
    for row in &waterfall.rows {
        let place = services.iter().position(|&service| service == row.service).unwrap_or_else(|| {
            services.push(&row.service);
            services.len() - 1
        });
        let colour = COLOURS.get(place % COLOURS.len()).copied().unwrap_or(BOLD);
        let colour = if row.failed { RED } else { colour };
        let status = row.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let _ = writeln!(
            text,
            "{} {} {} {} {}",
            name(row, label, look.unicode),
            look.paint(colour, &bar(row, waterfall.total, cells, look.unicode)),
            milliseconds(row.duration),
            look.paint(colour, &format!("{status:>3}")),
            look.paint(DIM, row.parent_id_sent.as_deref().unwrap_or("-")),
        );
        let notes = row.cause.iter().map(|cause| plain(cause, look.unicode));
        for note in notes.chain(row.orphan.then(|| "its parent span was not received".to_owned())) {
            let indent = " ".repeat(2 * row.depth.min(label / 4) + 4);
            let room = width.saturating_sub(indent.len());
            let _ = writeln!(text, "{indent}{}", look.paint(RED, &cut(&note, room, look.unicode)));
        }
    }
    text
}

/// Indented by depth, exactly `width` columns.
fn name(row: &Row, width: usize, unicode: bool) -> String {
    let indent = 2 + 2 * row.depth.min(width / 4);
    let label = if row.server { format!("{} {}", row.service, row.label) } else { row.label.clone() };
    let label = cut(&plain(&label, unicode), width.saturating_sub(indent), unicode);
    format!("{:indent$}{label:<rest$}", "", rest = width.saturating_sub(indent))
}

/// At least one cell, at most to the end of the scale.
fn bar(row: &Row, total: u64, cells: usize, unicode: bool) -> String {
    let scale = |nanos: u64| {
        let cell = u128::from(nanos) * cells as u128 / u128::from(total.max(1));
        usize::try_from(cell).unwrap_or(cells)
    };
    let from = scale(row.offset).min(cells.saturating_sub(1));
    let to = scale(row.offset.saturating_add(row.duration)).clamp(from + 1, cells.max(1));
    let filled = match (unicode, row.server) {
        (true, true) => "━",
        (true, false) => "─",
        (false, true) => "=",
        (false, false) => "-",
    };
    format!("{}{}{}", " ".repeat(from), filled.repeat(to - from), " ".repeat(cells.saturating_sub(to)))
}

/// Nine columns: milliseconds with one decimal, seconds from ten thousand milliseconds on.
fn milliseconds(nanos: u64) -> String {
    let tenths = nanos / 100_000;
    if tenths < 100_000 {
        format!("{:>4}.{} ms", tenths / 10, tenths % 10)
    } else {
        format!("{:>9}", format!("{} s", nanos / 1_000_000_000))
    }
}

/// At most `width` characters, the last one saying that there were more.
fn cut(text: &str, width: usize, unicode: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + if unicode { "…" } else { "~" }
}

/// Characters that could move the cursor, change colours or reorder the line are replaced by `?`.
fn plain(text: &str, unicode: bool) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || (!unicode && !c.is_ascii())
    };
    text.chars().map(|c| if harmful(c) { '?' } else { c }).collect()
}
