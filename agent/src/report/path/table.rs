//! The path as plain text: each service, how many traces arrived there, and what its calls did to them.

use super::{Sent, Stop, TestReport};
use crate::gap::code::Severity;
use crate::report::model::{FindingReport, HopReport, Verdict};
use crate::report::names;
use crate::report::source::SourceState;
use crate::report::table::{BOLD, DIM, GREEN, Page, RED, View, YELLOW, counted, interval};
use crate::report::text::{cut, fit, plain, width};
use crate::report::time::span;
use crate::trace::counts::Label;

/// The words on a call, filled up to the longest.
const WORD: usize = 10;

/// The whole page, with a line end.
#[must_use]
pub fn render(test: &TestReport, view: View) -> String {
    let mut page = Page::new(view);
    title(&mut page, test);
    if !test.services.is_empty() {
        page.heading("Path");
        test.services.iter().for_each(|stop| service(&mut page, stop));
    }
    let missing: Vec<String> = test
        .agents
        .iter()
        .filter(|agent| agent.state != SourceState::Complete)
        .filter_map(crate::report::source::Source::complaint)
        .collect();
    if !missing.is_empty() {
        page.heading("Missing");
        missing.iter().for_each(|complaint| page.wrapped("  ", 4, complaint));
    }
    steps(&mut page, test);
    page.finish()
}

fn title(page: &mut Page, test: &TestReport) {
    let Sent { url, method, requests, statuses, failed, failure, from, to, .. } = &test.sent;
    let target = cut(&plain(&format!("{method} {url}")), page.width().saturating_sub(18));
    page.line(&format!("{}  {target}", page.paint(BOLD, "throughline test")));
    let answers: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} answered {status}")).collect();
    let mut said = format!("{}, {} UTC", counted(*requests, "marked request"), span(*from, *to));
    for answer in answers {
        said.push_str(&format!("; {answer}"));
    }
    if let Some(failure) = failure {
        said.push_str(&format!("; {failed} failed: {failure}"));
    }
    page.wrapped("", 0, &said);
    let (colour, conclusion) = conclusion(test);
    for line in crate::report::text::wrap(&plain(&conclusion), page.width()) {
        let line = page.paint(colour, &line);
        page.line(&line);
    }
}

fn conclusion(test: &TestReport) -> (&'static str, String) {
    let judged = test.calls().filter(|hop| hop.verdict != Verdict::Unknown).count() as u64;
    match (test.exit.code, test.exit.reasons.first()) {
        (0, _) if judged == 1 => (GREEN, "The one judged hop forwards.".to_owned()),
        (0, _) => (GREEN, format!("All {judged} judged hops forward.")),
        (code, _) => {
            let colour = if code == crate::report::exit::FAILED { RED } else { YELLOW };
            (colour, format!("Exit code {code}: {}.", test.exit.reasons.join("; ")))
        }
    }
}

fn service(page: &mut Page, stop: &Stop) {
    let arrived = format!("{} of {} traces arrived", stop.arrived, stop.of);
    let room = page.width().saturating_sub(arrived.len() + 2);
    let name = cut(&plain(&stop.service), room);
    let (name, wide) = (page.paint(BOLD, &name), width(&name));
    page.line(&format!("{name}{:1$}{arrived}", "", (room - wide).min(30_usize.saturating_sub(wide)).max(2)));
    if stop.calls.is_empty() {
        let why = if stop.arrived == 0 { "the trace ended before it" } else { "was seen to call nobody" };
        let line = page.paint(DIM, why);
        page.line(&format!("  {line}"));
    }
    stop.calls.iter().for_each(|hop| call(page, hop));
}

fn call(page: &mut Page, hop: &HopReport) {
    let (word, colour) = match hop.verdict {
        Verdict::Breaks => ("breaks", RED),
        Verdict::Forwards => ("forwards", GREEN),
        Verdict::Unknown => ("not judged", DIM),
    };
    let word = page.paint(colour, &fit(word, WORD));
    let text = format!("-> {}  {}", plain(&hop.peer), plain(&hop.call()));
    page.line(&format!("  {word}  {}", cut(&text, page.width().saturating_sub(WORD + 4))));
    let before = " ".repeat(WORD + 4);
    match hop.reason {
        Some(reason) => page.wrapped(&before, before.len(), names::reason(reason.0)),
        None if hop.findings.is_empty() => {
            page.wrapped(&before, before.len(), &format!("{} of {} traces went through", hop.forwarded, hop.samples));
        }
        None => {}
    }
    for found in &hop.findings {
        finding(page, &before, found);
    }
}

fn finding(page: &mut Page, before: &str, found: &FindingReport) {
    let FindingReport { code, title, broken, of, .. } = found;
    let (sure, how) = (found.confidence.0.name(), names::attribution(found.attribution.0));
    let said = format!("{} {title}: {broken} of {of} ({}), {sure} {how}", code.0, interval(found.interval));
    page.wrapped(before, before.len(), &said);
    if found.severity.0 > Severity::Info {
        page.wrapped(&format!("{before}fix: "), before.len() + 5, &found.fix);
    }
}

fn steps(page: &mut Page, test: &TestReport) {
    if test.next.is_empty() {
        return;
    }
    page.heading("Next");
    for step in &test.next {
        page.wrapped("  ", 4, &step.command);
        page.wrapped("      ", 6, &step.purpose);
    }
}
