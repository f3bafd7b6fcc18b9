//! What a call bears of the request's context: done right, and wrong in the ways that are found in the field.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::message::Request;
use crate::random::Random;

/// What a service does with the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Copies both headers.
    Forward,
    /// Sends both on under a parent-id of its own.
    Continue,
    /// Copies `traceparent` alone.
    Traceparent,
    /// Sends neither.
    Drop,
    /// Begins a trace of its own.
    Restart,
    /// Sends what came with the first request, as a client does that was made once with that request's headers.
    Stale,
}

/// Every one by its name.
const CONTEXTS: [(&str, Context); 6] = [
    ("forward", Context::Forward),
    ("continue", Context::Continue),
    ("traceparent", Context::Traceparent),
    ("drop", Context::Drop),
    ("restart", Context::Restart),
    ("stale", Context::Stale),
];

/// The lines of calls.
#[derive(Debug)]
pub(super) struct Propagation {
    context: Context,
    first: OnceLock<String>,
    chance: Mutex<Random>,
}

impl Context {
    /// The one with this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        CONTEXTS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no context {name}")).1
    }

    /// Its name.
    ///
    /// # Panics
    /// Never: all are in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        CONTEXTS.iter().find(|(_, known)| *known == self).expect("all are in the table").0
    }
}

impl Propagation {
    pub(super) fn new(context: Context) -> Self {
        Self { context, first: OnceLock::new(), chance: Mutex::new(super::chance()) }
    }

    /// The header lines of a call that this request causes.
    pub(super) fn lines(&self, request: &Request) -> String {
        let Some(parent) = &request.traceparent else {
            return match self.context {
                Context::Restart => self.restarted(),
                Context::Stale => self.first.get().cloned().unwrap_or_default(),
                _ => String::new(),
            };
        };
        let state = request.tracestate.as_ref().map(|state| format!("tracestate: {state}\r\n")).unwrap_or_default();
        match self.context {
            Context::Forward => format!("traceparent: {parent}\r\n{state}"),
            Context::Continue if parent.len() == 55 => {
                let (trace, flags) = (&parent[..36], &parent[52..]);
                format!("traceparent: {trace}{}{flags}\r\n{state}", self.hex(16))
            }
            Context::Continue | Context::Traceparent => format!("traceparent: {parent}\r\n"),
            Context::Drop => String::new(),
            Context::Restart => self.restarted(),
            Context::Stale => self.first.get_or_init(|| format!("traceparent: {parent}\r\n{state}")).clone(),
        }
    }

    fn restarted(&self) -> String {
        format!("traceparent: 00-{}-{}-01\r\n", self.hex(32), self.hex(16))
    }

    fn hex(&self, length: usize) -> String {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).hex(length)
    }
}
