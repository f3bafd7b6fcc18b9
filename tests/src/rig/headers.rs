//! The context headers of one simulated request, and what a service's behaviour makes of them.
//!
//! Written from the specification and knows nothing of the agent's parsers: values are built, never read.

use std::sync::Arc;

use throughline::gap::code::Code;

use super::chance::unit;
use crate::random::Random;

/// What is sent beside a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// `traceparent`.
    pub parent: Option<Parent>,
    /// `tracestate`.
    pub state: Option<Arc<str>>,
}

/// The fields of a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The trace id.
    pub trace: u128,
    /// The parent id.
    pub span: u64,
    /// The flags.
    pub flags: u8,
    /// How it is written.
    pub shape: Shape,
}

/// How a `traceparent` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As it is meant.
    Plain,
    /// On two lines, the other with this parent id.
    Twice(u64),
    /// In capitals.
    Upper,
}

/// What a service does with the context of the request it serves, when it makes a call for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// A new span id, everything else as it came.
    Forward,
    /// Nothing is sent.
    Drop,
    /// `traceparent` is dropped, `tracestate` is sent.
    DropParent,
    /// A new trace.
    Restart,
    /// A new span id, no `tracestate`.
    ParentOnly,
    /// All lines as they came.
    Verbatim,
    /// A new span id, the sampled flag cleared.
    ClearFlag,
    /// The line that came, and one of its own.
    Duplicate,
    /// In capitals.
    Upper,
    /// The context of the request that was served before.
    Stale,
    /// A `tracestate` member is put before the others.
    AddMember,
    /// So many are put before the others that receivers need not take them.
    AddMany,
}

/// How often a service does what; what is left to 1 is [`Act::Forward`].
#[derive(Debug, Clone, Default)]
pub struct Mix(pub Vec<(Act, f64)>);

/// Checkly's mark.
pub const MARK: &str = "checkly=true";
/// Members that receivers have to take, and bytes that they mostly do.
const MOST_MEMBERS: usize = 32;
const MOST_BYTES: usize = 8192;

impl Mix {
    /// One act.
    pub fn draw(&self, random: &mut Random) -> Act {
        let mut left = unit(random);
        for (act, share) in &self.0 {
            left -= share;
            if left < 0.0 {
                return *act;
            }
        }
        Act::Forward
    }
}

impl Headers {
    /// No context.
    pub const NONE: Self = Self { parent: None, state: None };

    /// A new trace, as an SDK begins one.
    pub fn root(random: &mut Random, flags: u8) -> Self {
        let trace = u128::from(random.bits()) << 64 | u128::from(random.bits()) | 1;
        Self { parent: Some(Parent { trace, span: random.bits() | 1, flags, shape: Shape::Plain }), state: None }
    }

    /// A new trace that bears the mark.
    pub fn marked_root(random: &mut Random, flags: u8) -> Self {
        Self { state: Some(MARK.into()), ..Self::root(random, flags) }
    }

    /// The codes that are true of a context that was sent on with more members.
    fn grown(&self, sent: &Self) -> Vec<Code> {
        let state = sent.state.as_deref().unwrap_or_default();
        if state.split(',').count() <= MOST_MEMBERS && state.len() <= MOST_BYTES {
            vec![Code::TracestateChanged]
        } else if self.is_marked() && !sent.is_marked() {
            vec![Code::MalformedOut, Code::MarkLost]
        } else {
            vec![Code::MalformedOut, Code::TracestateChanged]
        }
    }

    /// The same with as much beside the mark as receivers have to take.
    #[must_use]
    pub fn with_much(self) -> Self {
        let state = self.state.map(|state| format!("{},{state}", members(31, 200)).into());
        Self { state, ..self }
    }

    /// The same trace, another span.
    #[must_use]
    pub fn sibling(&self, random: &mut Random) -> Self {
        let parent = self.parent.map(|parent| Parent { span: random.bits() | 1, ..parent });
        Self { parent, state: self.state.clone() }
    }

    /// What a receiver may use.
    #[must_use]
    pub fn usable(&self) -> Option<&Parent> {
        self.parent.as_ref().filter(|parent| parent.shape == Shape::Plain)
    }

    /// Whether a receiver sees the mark.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        // Of too many members, none is read.
        let has_mark = |state: &str| {
            state.split(',').count() <= MOST_MEMBERS && state.split(',').any(|member| member.trim() == MARK)
        };
        self.usable().is_some() && self.state.as_deref().is_some_and(has_mark)
    }

    /// What is sent on, and the codes that are true of it. `before` is the context of a request that has ended.
    #[must_use]
    pub fn act(&self, act: Act, before: Option<&Self>, random: &mut Random) -> (Self, Vec<Code>) {
        let span = random.bits() | 1;
        let Some(parent) = self.usable().copied() else {
            let sent = match act {
                Act::Verbatim => self.clone(),
                Act::Restart => Self::root(random, 1),
                // Where nothing is put into the slot, now and then what was left in it is taken out.
                Act::Stale if random.percent(10) => {
                    let left = before.filter(|left| left.is_marked()).cloned().unwrap_or_default();
                    let codes = if left.parent.is_some() { vec![Code::ForwardedVerbatim] } else { Vec::new() };
                    return (left, codes);
                }
                _ => Self::NONE,
            };
            return (sent, Vec::new());
        };
        let forward = Self { parent: Some(Parent { span, ..parent }), state: self.state.clone() };
        let with = |shape, flags| Some(Parent { span, flags, shape, ..parent });
        match act {
            Act::Forward => (forward, Vec::new()),
            Act::Drop => (Self::NONE, vec![Code::ContextLost]),
            Act::DropParent => (Self { parent: None, ..forward }, vec![Code::ContextLost]),
            Act::Restart => (Self::root(random, 1), vec![Code::TraceRestarted]),
            Act::ParentOnly => (Self { state: None, ..forward }, vec![Code::MarkLost]),
            Act::Verbatim => (self.clone(), vec![Code::ForwardedVerbatim]),
            Act::ClearFlag => {
                let codes = if parent.flags & 1 == 1 { vec![Code::SampledCleared] } else { Vec::new() };
                (Self { parent: with(Shape::Plain, parent.flags & !1), ..forward }, codes)
            }
            Act::Duplicate => {
                let both = Parent { shape: Shape::Twice(span), ..parent };
                (Self { parent: Some(both), ..forward }, vec![Code::MalformedOut])
            }
            Act::Upper => (Self { parent: with(Shape::Upper, parent.flags), ..forward }, vec![Code::MalformedOut]),
            Act::Stale => match before.filter(|old| old.usable().is_some_and(|old| old.trace != parent.trace)) {
                Some(old) => (old.sibling(random), vec![Code::Stale]),
                None => (forward, Vec::new()),
            },
            Act::AddMember => {
                let own = self.state.as_ref().map(|state| format!(",{state}")).unwrap_or_default();
                let sent = Self { state: Some(format!("vendor={span:x}{own}").into()), ..forward };
                let codes = self.grown(&sent);
                (sent, codes)
            }
            Act::AddMany => {
                // Either too many members, or few that are too long together. Of too many, none is read.
                let is_long = random.percent(50);
                let own = self.state.as_deref().unwrap_or("a=1");
                let added = if is_long { members(31, 256) } else { members(33, 8) };
                let sent = Self { state: Some(format!("{added},{own}").into()), ..forward };
                let codes = self.grown(&sent);
                (sent, codes)
            }
        }
    }
}

/// So many members with values of so many bytes.
fn members(count: usize, length: usize) -> String {
    let value = "x".repeat(length);
    let members: Vec<String> = (0..count).map(|number| format!("long-name-{number:02}={value}")).collect();
    members.join(",")
}

impl Parent {
    /// The header lines.
    #[must_use]
    pub fn lines(&self) -> Vec<Arc<str>> {
        let line = |span: u64| format!("00-{:032x}-{span:016x}-{:02x}", self.trace, self.flags);
        match self.shape {
            Shape::Plain => vec![line(self.span).into()],
            Shape::Twice(other) => vec![line(self.span).into(), line(other).into()],
            Shape::Upper => vec![line(self.span).to_uppercase().into()],
        }
    }
}
