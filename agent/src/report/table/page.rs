//! A page of text: its width, its colours, headings and lines that wrap.

use crate::report::text::{plain, wrap};

pub(in super::super) const BOLD: &str = "1";
pub(in super::super) const DIM: &str = "2";
pub(in super::super) const RED: &str = "31";
pub(in super::super) const GREEN: &str = "32";
pub(in super::super) const YELLOW: &str = "33";

/// The narrowest page: below it lines grow longer than asked for.
const NARROWEST: usize = 60;
/// Wider lines are hard to read.
const WIDEST: usize = 160;

/// How a page is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether the samples behind each finding are shown.
    pub evidence: bool,
}

/// What has been written so far.
pub(in super::super) struct Page {
    view: View,
    out: String,
}

impl Page {
    pub(in super::super) fn new(view: View) -> Self {
        Self { view: View { width: view.width.clamp(NARROWEST, WIDEST), ..view }, out: String::new() }
    }

    pub(in super::super) fn width(&self) -> usize {
        self.view.width
    }

    pub(in super::super) fn shows_evidence(&self) -> bool {
        self.view.evidence
    }

    /// The text in a colour, where colours may be used.
    pub(in super::super) fn paint(&self, colour: &str, text: &str) -> String {
        if self.view.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// One line as it is: made harmless and fitted by whoever calls.
    pub(in super::super) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end_matches(' '));
        self.out.push('\n');
    }

    /// An empty line, and a heading.
    pub(in super::super) fn heading(&mut self, text: &str) {
        self.out.push('\n');
        let heading = self.paint(BOLD, text);
        self.line(&heading);
    }

    /// `text` made harmless and wrapped: `label`, of at most `indent` columns, before its first line, and every further
    /// line indented by `indent`.
    pub(in super::super) fn wrapped(&mut self, label: &str, indent: usize, text: &str) {
        let mut before = label.to_owned();
        for line in wrap(&plain(text), self.width().saturating_sub(indent)) {
            let line = format!("{before}{line}");
            self.line(&line);
            before = " ".repeat(indent);
        }
    }

    pub(in super::super) fn finish(self) -> String {
        self.out
    }
}
