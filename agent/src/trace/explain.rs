//! What a `traceparent` and a `tracestate` say: each field and member, what is wrong where, and whether the request
//! counts as marked or only nearly.
//!
//! Judges with the same parsers as the proxy, so the two cannot disagree. The value is made here; its plain-text form
//! is in the module `render`. Bytes that are not printable ASCII are shown escaped.

mod render;

use super::marker::{Marker, Rule};
use super::traceparent::{Incoming, Traceparent, TraceparentError, trim};
use super::tracestate::{self, Member, TracestateError, inspect};

/// Everything there is to say about the two values. `Display` writes it as plain text, several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The `traceparent` without white space around it, escaped.
    pub traceparent: String,
    /// What it says, or what is wrong with it.
    pub context: Result<Traceparent, Defect>,
    /// What the `tracestate` says; `None` when there is none.
    pub tracestate: Option<StateExplanation>,
    /// Whether the request counts as marked.
    pub mark: MarkExplanation,
    /// How the marker is called, and what it looks for.
    pub marker: String,
}

/// What is wrong with a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defect {
    /// The reason; its message says what to do.
    pub reason: TraceparentError,
    /// The column of the offending place in [`Explanation::traceparent`], from 0.
    pub column: usize,
}

/// What a `tracestate` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateExplanation {
    /// The value as received, escaped.
    pub value: String,
    /// Every member, empty ones left out, in order.
    pub members: Vec<MemberExplanation>,
    /// The number of members, or why the whole list cannot be used.
    pub validity: Result<usize, TracestateError>,
}

/// What one member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberExplanation {
    /// The member without white space around it, escaped.
    pub text: String,
    /// What is wrong with it by itself.
    pub fault: Option<TracestateError>,
    /// Whether it is the mark.
    pub is_mark: bool,
}

/// Whether the request counts as marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkExplanation {
    /// It does, wherever its source is trusted.
    Marked,
    /// The mark is there and is ignored, because the `traceparent` cannot be used.
    IgnoredTraceparent,
    /// The mark is there and is ignored, because the `tracestate` cannot be used.
    IgnoredTracestate(TracestateError),
    /// It does not, but this member comes near.
    Near {
        /// The member, escaped.
        member: String,
        /// What keeps it from being the mark.
        miss: NearMiss,
    },
    /// There is nothing like it.
    Unmarked,
}

/// What keeps a member from being the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NearMiss {
    /// White space beside the `=`.
    #[error("white space beside '=' belongs to the key or the value: it is optional only around a whole member")]
    WhiteSpace,
    /// Another case.
    #[error("keys and values are compared byte for byte: upper and lower case differ")]
    Case,
    /// The key has more letters.
    #[error("the key is another one: it is compared whole")]
    Key,
    /// The value differs.
    #[error("the value is another one: it is compared whole")]
    Value,
    /// There is no `=`.
    #[error("there is no '=' and no value")]
    NoValue,
}

/// Explains one `traceparent` value and the `tracestate` beside it, if there is one.
#[must_use]
pub fn explain(traceparent: &[u8], tracestate: Option<&[u8]>, marker: &Marker) -> Explanation {
    let value = trim(traceparent);
    let context = Traceparent::locate(value).map_err(|fault| Defect {
        reason: fault.reason,
        column: escaped(value.get(..fault.at).unwrap_or_default()).len(),
    });
    Explanation {
        traceparent: escaped(value),
        context,
        tracestate: tracestate.map(|value| explain_state(value, marker)),
        mark: explain_mark(&Incoming::extract([traceparent]), tracestate.unwrap_or_default(), marker),
        marker: describe(marker),
    }
}

impl Explanation {
    /// Whether both values can be used, so far as they are there.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.context.is_ok() && self.tracestate.as_ref().is_none_or(|state| state.validity.is_ok())
    }
}

fn explain_state(value: &[u8], marker: &Marker) -> StateExplanation {
    let members = tracestate::members(value).map(|text| {
        let member = Member::parse(text);
        MemberExplanation {
            text: escaped(text),
            fault: member.err(),
            is_mark: member.is_ok_and(|member| marker.matches_member(&member)),
        }
    });
    StateExplanation { value: escaped(value), members: members.collect(), validity: inspect([value], marker).validity }
}

fn explain_mark(context: &Incoming, tracestate: &[u8], marker: &Marker) -> MarkExplanation {
    let is_mark = |text| Member::parse(text).is_ok_and(|member| marker.matches_member(&member));
    if tracestate::members(tracestate).any(is_mark) {
        return match inspect([tracestate], marker).validity {
            Err(reason) => MarkExplanation::IgnoredTracestate(reason),
            Ok(_) if context.valid().is_none() => MarkExplanation::IgnoredTraceparent,
            Ok(_) => MarkExplanation::Marked,
        };
    }
    tracestate::members(tracestate)
        .find_map(|text| near_miss(text, marker).map(|miss| MarkExplanation::Near { member: escaped(text), miss }))
        .unwrap_or(MarkExplanation::Unmarked)
}

/// What keeps this member, which is not the mark, from being it; `None` when it is not even near.
fn near_miss(text: &[u8], marker: &Marker) -> Option<NearMiss> {
    let Rule::TracestateMember { key, value } = &marker.rule;
    let (key, value) = (key.as_bytes(), value.as_bytes());
    let equals = text.iter().position(|&byte| byte == b'=');
    let (had_key, had_value) = text.split_at(equals.unwrap_or(text.len()));
    let had_value = had_value.get(1..).unwrap_or_default();
    let bare_key = trim(had_key).to_ascii_lowercase();
    if !bare_key.windows(key.len().max(1)).any(|window| window == key) {
        return None;
    }
    Some(if equals.is_none() {
        NearMiss::NoValue
    } else if bare_key != key {
        NearMiss::Key
    } else if !trim(had_value).eq_ignore_ascii_case(value) {
        NearMiss::Value
    } else if trim(had_key) != had_key || trim(had_value) != had_value {
        NearMiss::WhiteSpace
    } else {
        NearMiss::Case
    })
}

fn describe(marker: &Marker) -> String {
    let Rule::TracestateMember { key, value } = &marker.rule;
    format!("{}: the tracestate member {key}={value}", marker.name)
}

/// Printable ASCII as it is, every other byte as `\xNN`, so that no value can steer a terminal.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, &byte| {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
        text
    })
}

#[cfg(test)]
mod tests;
