//! The table: the report for people, as plain text of a given width. A view: it counts nothing and judges nothing.
//!
//! Sections without content are left out, except for coverage. Every text from outside goes through
//! [`super::text::plain`].

mod coverage;
mod findings;
mod hops;
mod page;
mod probe;
mod rows;

#[cfg(test)]
mod tests;

pub(super) use findings::{counted, interval};
pub use page::View;
pub(super) use page::{BOLD, DIM, GREEN, Page, RED, YELLOW};

use super::model::{Report, Totals, Verdict};
use super::time::span;

/// Columns where no terminal says how many it has.
pub const DEFAULT_WIDTH: usize = 80;

/// The whole page, with a line end.
#[must_use]
pub fn render(report: &Report, view: View) -> String {
    let mut page = Page::new(view);
    title(&mut page, report);
    findings::write(&mut page, report);
    hops::expected(&mut page, report);
    hops::forwarding(&mut page, report);
    hops::unknown(&mut page, report);
    hops::history(&mut page, report);
    coverage::write(&mut page, report);
    next(&mut page, report);
    page.finish()
}

fn title(page: &mut Page, report: &Report) {
    let period = match report.period {
        Some(period) => format!("{} UTC", span(period.from, period.to)),
        None => "nothing was observed".to_owned(),
    };
    let verdict = verdict(report);
    page.line(&format!("{}  {period}", page.paint(BOLD, "throughline report")));
    page.line(
        &verdict
            .map_or_else(|| page.paint(DIM, "Nothing could be judged."), |(colour, text)| page.paint(colour, &text)),
    );
    if !report.exit.reasons.is_empty() {
        let how = format!("Exit code {}: ", report.exit.code);
        for (number, reason) in report.exit.reasons.iter().enumerate() {
            let label = if number == 0 { how.clone() } else { " ".repeat(how.len()) };
            page.wrapped(&label, how.len(), reason);
        }
    }
}

/// The conclusion in one sentence, and its colour; `None` where there is none.
fn verdict(report: &Report) -> Option<(&'static str, String)> {
    let Totals { breaks, forwards, unknown, .. } = report.totals;
    if breaks + forwards == 0 {
        return None;
    }
    let counted = |count: u64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 hop {one}")),
        n => Some(format!("{n} {many}")),
    };
    let parts = [
        counted(breaks, "breaks", "hops break"),
        counted(forwards, "forwards", if breaks == 0 { "hops forward" } else { "forward" }),
        counted(unknown, "is not judged", "are not judged"),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let sure = report.hops.iter().any(|hop| hop.verdict == Verdict::Breaks);
    let colour = if sure {
        RED
    } else if unknown > 0 {
        YELLOW
    } else {
        GREEN
    };
    Some((colour, format!("{text}.")))
}

fn next(page: &mut Page, report: &Report) {
    if report.next.is_empty() {
        return;
    }
    page.heading("Next");
    for step in &report.next {
        page.wrapped("  ", 4, &step.command);
        page.wrapped("      ", 6, &step.purpose);
    }
}
