//! The plain text of an [`Explanation`]: one line a fact, a pointer under the offending place, no colour.

use std::fmt::{self, Display, Formatter};

use super::{Defect, Explanation, MarkExplanation, StateExplanation};
use crate::trace::counts::Label;
use crate::trace::ids::Flags;
use crate::trace::traceparent::Traceparent;

/// Where values begin, in columns from 0.
const INDENT: usize = 13;

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(f, "traceparent", &self.traceparent)?;
        match &self.context {
            Ok(context) => write_context(f, context)?,
            Err(defect) => write_defect(f, defect)?,
        }
        if let Some(state) = &self.tracestate {
            write_state(f, state)?;
        }
        write_mark(f, self)
    }
}

fn write_context(f: &mut Formatter<'_>, context: &Traceparent) -> fmt::Result {
    let version = match context.version {
        0 => "the current one",
        _ => "a later one: its first four fields are read, and it is sent on as 00",
    };
    line(f, "  version", format_args!("{:02x}  {version}", context.version))?;
    line(f, "  trace id", format_args!("{}  the whole trace, the same in every service", context.trace_id))?;
    line(f, "  parent id", format_args!("{}  the span of the caller", context.parent_id))?;
    line(f, "  flags", format_args!("{:02x}  {}", context.flags.byte(), flags_in_words(context.flags)))?;
    line(f, "  verdict", "valid")
}

fn flags_in_words(flags: Flags) -> String {
    let sampled = if flags.contains(Flags::SAMPLED) {
        "sampled (the caller may have recorded this trace)"
    } else {
        "not sampled (a sampler that follows its parent will not record this request)"
    };
    let random = if flags.contains(Flags::RANDOM) { ", random trace id" } else { "" };
    let unknown = match flags.byte() & !flags.known().byte() {
        0 => String::new(),
        bits => format!(", unknown bits {bits:02x} (sent on as 0 when the context is continued)"),
    };
    format!("{sampled}{random}{unknown}")
}

fn write_defect(f: &mut Formatter<'_>, defect: &Defect) -> fmt::Result {
    line(f, "", format_args!("{:column$}^ here", "", column = defect.column))?;
    line(f, "  verdict", format_args!("invalid ({}): {}", defect.reason.name(), defect.reason))
}

fn write_state(f: &mut Formatter<'_>, state: &StateExplanation) -> fmt::Result {
    line(f, "tracestate", &state.value)?;
    for member in &state.members {
        match member.fault {
            Some(fault) => line(f, "  member", format_args!("{}  invalid: {fault}", member.text))?,
            None if member.is_mark => line(f, "  member", format_args!("{}  the mark", member.text))?,
            None => line(f, "  member", &member.text)?,
        }
    }
    match state.validity {
        Ok(1) => line(f, "  verdict", "valid, 1 member"),
        Ok(count) => line(f, "  verdict", format_args!("valid, {count} members")),
        Err(reason) => line(f, "  verdict", format_args!("invalid ({}): {reason}", reason.name())),
    }
}

fn write_mark(f: &mut Formatter<'_>, explanation: &Explanation) -> fmt::Result {
    let marker = &explanation.marker;
    match &explanation.mark {
        MarkExplanation::Marked => line(f, "marked", format_args!("yes ({marker})")),
        MarkExplanation::IgnoredTraceparent => {
            line(f, "marked", "no: the mark is there, but counts only beside a valid traceparent")
        }
        MarkExplanation::IgnoredTracestate(reason) => {
            line(f, "marked", format_args!("no: the mark is there, but not in a valid tracestate ({reason})"))
        }
        MarkExplanation::Near { member, miss } => {
            line(f, "marked", format_args!("no: {member} is near, but {miss}"))?;
            line(f, "", format_args!("looked for {marker}"))
        }
        MarkExplanation::Unmarked => line(f, "marked", format_args!("no (looked for {marker})")),
    }
}

/// One line: a label, then what it stands for in a column of its own.
fn line(f: &mut Formatter<'_>, label: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "{label:INDENT$}{value}")
}
