//! Rows of a table of hops: columns as wide as their content where there is room. What is too long for its column takes
//! a line of its own, rather than losing its end.

use super::page::{DIM, Page};
use crate::report::text::{cut, fit, plain, width};

/// Between two columns.
pub(super) const GAP: usize = 2;

/// One row: a code or nothing, the two ends of the hop, the call, and what follows.
pub(super) struct Row {
    pub(super) code: String,
    pub(super) ends: String,
    pub(super) call: String,
    /// One for each of [`Columns::rest`].
    pub(super) rest: Vec<String>,
}

/// How wide each column is.
pub(super) struct Columns {
    code: usize,
    ends: usize,
    call: usize,
    rest: Vec<usize>,
    page: usize,
}

impl Row {
    pub(super) fn new(code: &str, ends: &str, call: &str, rest: Vec<String>) -> Self {
        Self { code: code.to_owned(), ends: plain(ends), call: plain(call), rest }
    }
}

impl Columns {
    /// Columns for these rows. What the last columns leave is shared by the two that hold names.
    pub(super) fn of(rows: &[Row], page: &Page) -> Self {
        let widest = |cell: &dyn Fn(&Row) -> usize| rows.iter().map(cell).max().unwrap_or_default();
        let count = rows.iter().map(|row| row.rest.len()).max().unwrap_or_default();
        let rest: Vec<usize> =
            (0..count).map(|column| widest(&|row| row.rest.get(column).map_or(0, |cell| width(cell)))).collect();
        let code = widest(&|row| width(&row.code));
        let taken = code + rest.iter().map(|column| column + GAP).sum::<usize>() + if code > 0 { GAP } else { 2 } + GAP;
        let room = page.width().saturating_sub(taken);
        // Columns are made for the rows that fit; a name of 10 kB must not push the others apart.
        let fits = |row: &&Row| width(&row.ends) + width(&row.call) <= room;
        let ends = rows.iter().filter(fits).map(|row| width(&row.ends)).max().unwrap_or_default();
        let call = rows.iter().filter(fits).map(|row| width(&row.call)).max().unwrap_or_default();
        let (ends, call) = if ends + call <= room { (ends, call) } else { (ends, room.saturating_sub(ends)) };
        Self { code, ends, call, rest, page: page.width() }
    }

    /// Where what follows the code begins.
    pub(super) fn indent(&self) -> usize {
        if self.code > 0 { self.code + GAP } else { 2 }
    }

    /// The titles of the columns, pale. They are as short as any content.
    pub(super) fn titles(&self, page: &mut Page, row: Option<&Row>) {
        let Some(row) = row else { return };
        let (ends, call) = (fit(&row.ends, self.ends), fit(&row.call, self.call));
        let line = format!("{ends}{:GAP$}{call}{}", "", self.rest(row));
        let line = page.paint(DIM, line.trim_end());
        page.line(&format!("{:1$}{line}", "", self.indent()));
    }

    /// The row in one line, or in two.
    pub(super) fn write(&self, page: &mut Page, row: &Row, paint_code: impl Fn(&Page, &str) -> String) {
        let code = if self.code > 0 { paint_code(page, &fit(&row.code, self.code)) } else { String::new() };
        let before = format!("{code}{:1$}", "", if self.code > 0 { GAP } else { 2 });
        let rest = self.rest(row);
        if width(&row.ends) <= self.ends && width(&row.call) <= self.call {
            let line = format!("{before}{}{:GAP$}{}{rest}", fit(&row.ends, self.ends), "", fit(&row.call, self.call));
            page.line(&line);
            return;
        }
        let (ends, call) = self.share(row);
        page.line(&format!("{before}{ends}{:GAP$}{call}", ""));
        if !rest.trim().is_empty() {
            page.line(&format!("{:1$}{rest}", "", self.indent() + self.ends + GAP + self.call));
        }
    }

    fn rest(&self, row: &Row) -> String {
        self.rest.iter().zip(&row.rest).map(|(wide, cell)| format!("{:GAP$}{}", "", fit(cell, *wide))).collect()
    }

    /// Both names cut to what one line holds: each keeps what it needs, up to half.
    fn share(&self, row: &Row) -> (String, String) {
        let room = self.page.saturating_sub(self.indent() + GAP);
        let (ends, call) = (width(&row.ends), width(&row.call));
        let for_call = call.min(room.saturating_sub(ends).max(room / 2));
        let ends = cut(&row.ends, room - for_call);
        (ends, cut(&row.call, for_call))
    }
}
