//! The context of one request, read once: as strictly as a receiver reads it, and as leniently as a witness can.
//!
//! A call with two `traceparent` lines, or one in capitals, carries no context for its receiver. It still says whose
//! call it was, which is what names the service that sent it.

use std::sync::Arc;

use crate::gap::observation::{Completeness, Context};
use crate::trace::ids::{Flags, SpanId, TraceId};
use crate::trace::marker::{Mark, Marker};
use crate::trace::traceparent::Traceparent;
use crate::trace::tracestate::{self, MAX_MEMBERS};

/// Lines of a header that are looked at.
const MAX_LINES: usize = 8;
/// Bytes of a line that are searched for ids.
const MAX_SEARCH: usize = 512;
/// Receivers are free to refuse lines over this, in bytes.
const MAX_LINE: usize = 8 * 1024;

/// What is known of the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkState {
    /// There, and it counts.
    Counts,
    /// There, but it does not count: from an untrusted source, or beside a context that cannot be used.
    There,
    /// Not there.
    Missing,
    /// Not known.
    Unknown,
}

/// A context. A request without one has no `Head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The trace id; 0 where none could be read.
    pub(super) trace: u128,
    /// Further trace ids, of other lines.
    pub(super) others: Vec<u128>,
    /// The parent-id; 0 where none could be read.
    pub(super) parent: u64,
    /// The sampled flag.
    pub(super) is_sampled: bool,
    /// No receiver can use it, or not all of it.
    pub(super) is_malformed: bool,
    /// There is more in it than receivers have to take.
    is_oversize: bool,
    /// The mark.
    pub(super) mark: MarkState,
    /// Whether a `tracestate` came.
    pub(super) has_state: bool,
    /// The `tracestate` lines, joined; `None` where they were not kept.
    pub(super) state: Option<Arc<str>>,
    /// The `traceparent` lines, joined.
    pub(super) line: Line,
}

/// The `traceparent` lines as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// One, which is what version 00 with these flags looks like.
    Plain(u8),
    /// Anything else.
    Text(Arc<str>),
}

impl Head {
    /// Reads a context; `None` where there is no `traceparent` at all.
    pub(super) fn read(context: &Context, completeness: Completeness, marker: &Marker) -> Option<Arc<Self>> {
        let lines = &context.traceparent;
        if lines.is_empty() && context.problem.is_none() {
            return None;
        }
        let whole = completeness == Completeness::Whole;
        let state = Self::state(context);
        let is_oversize = whole && is_oversize(context);
        let mark = Self::mark(context, marker);
        let mut head = Self {
            trace: 0,
            others: Vec::new(),
            parent: 0,
            is_sampled: false,
            is_malformed: context.problem.is_some() || lines.len() > 1 || is_oversize,
            is_oversize,
            mark,
            has_state: context.has_tracestate || !context.tracestate.is_empty(),
            state,
            line: Line::Text(Arc::default()),
        };
        match lines.as_slice() {
            [line] => head.line = head.read_one(line),
            several => {
                several.iter().take(MAX_LINES).for_each(|line| head.read_leniently(line));
                head.line = Line::Text(join(several));
            }
        }
        Some(Arc::new(head))
    }

    /// The same with another `traceparent`, which a proxy put in its place; `None` where that cannot be used.
    pub(super) fn delivered(&self, line: &Arc<str>) -> Option<Arc<Self>> {
        Traceparent::parse(line.as_bytes()).ok()?;
        let mut head = Self { others: Vec::new(), is_malformed: self.is_oversize, ..self.clone() };
        head.line = head.read_one(line);
        Some(Arc::new(head))
    }

    /// All trace ids that were read.
    pub(super) fn traces(&self) -> impl Iterator<Item = u128> {
        std::iter::once(self.trace).chain(self.others.iter().copied()).filter(|trace| *trace != 0)
    }

    /// The `traceparent` lines, joined.
    pub(super) fn line(&self) -> Arc<str> {
        match &self.line {
            Line::Plain(flags) => format!("00-{:032x}-{:016x}-{flags:02x}", self.trace, self.parent).into(),
            Line::Text(text) => text.clone(),
        }
    }

    fn read_one(&mut self, line: &Arc<str>) -> Line {
        let Ok(read) = Traceparent::parse(line.as_bytes()) else {
            self.is_malformed = true;
            self.read_leniently(line);
            return Line::Text(line.clone());
        };
        self.trace = trace_number(&read.trace_id);
        self.parent = span_number(&read.parent_id);
        self.is_sampled = read.flags.contains(Flags::SAMPLED);
        if read.encode() == line.as_bytes() { Line::Plain(read.flags.byte()) } else { Line::Text(line.clone()) }
    }

    /// Takes the first 32 hexadecimal digits in a row for a trace id, and what follows for parent-id and flags.
    fn read_leniently(&mut self, line: &str) {
        let searched = line.as_bytes().get(..MAX_SEARCH).unwrap_or(line.as_bytes());
        let runs = searched.split(|byte| !byte.is_ascii_hexdigit());
        let mut runs = runs.skip_while(|run| run.len() != 32);
        let Some(trace) = runs.next().and_then(number).filter(|trace| *trace != 0) else { return };
        if self.trace == 0 {
            self.trace = trace;
            let parent = runs.next().filter(|run| run.len() == 16).and_then(number);
            self.parent = parent.and_then(|parent| u64::try_from(parent).ok()).unwrap_or_default();
            let flags = runs.next().filter(|run| run.len() == 2).and_then(number);
            self.is_sampled = flags.is_some_and(|flags| flags & 1 == 1);
        } else if self.trace != trace && !self.others.contains(&trace) {
            self.others.push(trace);
        }
    }

    fn state(context: &Context) -> Option<Arc<str>> {
        match context.tracestate.as_slice() {
            _ if !context.tracestate_kept && context.has_tracestate => None,
            // Sources cut lines of this length.
            lines if lines.iter().any(|line| line.len() >= MAX_LINE) => None,
            [] => Some(Arc::default()),
            [line] => Some(line.clone()),
            lines => Some(join(lines)),
        }
    }

    fn mark(context: &Context, marker: &Marker) -> MarkState {
        match context.mark.0 {
            Mark::Trusted | Mark::Other => return MarkState::Counts,
            Mark::Untrusted => return MarkState::There,
            Mark::None => {}
        }
        if context.tracestate.is_empty() {
            return match (context.has_tracestate, context.problem) {
                (false, _) => MarkState::Missing,
                // Whoever read it looked for the mark, and a usable context would have carried it.
                (true, None) => MarkState::Missing,
                (true, Some(_)) => MarkState::Unknown,
            };
        }
        let lines = context.tracestate.iter().map(|line| line.as_bytes());
        let found = tracestate::inspect(lines, marker);
        match found.validity {
            Ok(_) if found.marked => MarkState::There,
            Ok(_) => MarkState::Missing,
            Err(_) => MarkState::Unknown,
        }
    }
}

/// Whether two `tracestate` say the same: white space around members and empty members do not matter.
pub(super) fn same_state(left: &str, right: &str) -> bool {
    left == right || tracestate::members(left.as_bytes()).eq(tracestate::members(right.as_bytes()))
}

/// A trace id as a number.
pub(super) fn trace_number(id: &TraceId) -> u128 {
    u128::from_be_bytes(*id.bytes())
}

fn span_number(id: &SpanId) -> u64 {
    u64::from_be_bytes(*id.bytes())
}

fn number(digits: &[u8]) -> Option<u128> {
    u128::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_oversize(context: &Context) -> bool {
    let members = context.tracestate.iter().flat_map(|line| tracestate::members(line.as_bytes()));
    members.take(MAX_MEMBERS + 1).count() > MAX_MEMBERS
        || context.tracestate.iter().chain(&context.traceparent).any(|line| line.len() > MAX_LINE)
}

fn join(lines: &[Arc<str>]) -> Arc<str> {
    let lines: Vec<&str> = lines.iter().take(MAX_LINES).map(|line| &**line).collect();
    lines.join(",").into()
}

#[cfg(test)]
mod tests;
