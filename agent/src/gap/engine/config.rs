//! What an engine is told at its start: the mark, the scope, and how much it may hold.

use crate::trace::marker::Marker;

/// Settings of an [`super::Engine`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineConfig {
    /// What marks a request.
    pub marker: Marker,
    /// Peers that are in scope though nobody observes them. Where any is declared, a context that goes to others is a
    /// finding.
    pub scope: Scope,
    /// Callees that take no other `tracestate` than what was sent at first: names, or patterns with `*`.
    pub strict_tracestate: Vec<String>,
    /// How much is held.
    pub bounds: Bounds,
}

/// Names of peers, or patterns in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Compared byte for byte.
    pub peers: Vec<String>,
}

/// What is held at most; what goes beyond is left out and counted in `Coverage::over_bound`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Observations that wait for their order.
    pub waiting: usize,
    /// Requests and calls that are remembered, together.
    pub remembered: usize,
    /// Services, counted once for each clock that saw them.
    pub services: usize,
    /// Hops, counted once for each epoch.
    pub hops: usize,
    /// Distinct texts: names, methods, routes.
    pub texts: usize,
}

impl Default for Bounds {
    /// Some 300 MB at most.
    fn default() -> Self {
        Self { waiting: 1 << 20, remembered: 1 << 23, services: 4096, hops: 16_384, texts: 1 << 17 }
    }
}

impl Scope {
    /// Whether any peer was declared.
    #[must_use]
    pub const fn is_declared(&self) -> bool {
        !self.peers.is_empty()
    }

    /// Whether this peer was declared.
    #[must_use]
    pub fn contains(&self, peer: &str) -> bool {
        self.peers.iter().any(|pattern| matches(pattern, peer))
    }
}

/// Whether `text` is what the pattern describes: `*` stands for any text, also none.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(first) = pieces.next() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let rows = [
            ("cart", "cart", true, "the name itself"),
            ("cart", "cart2", false, "no prefix is meant"),
            ("*", "", true, "a star is any text, also none"),
            ("*.internal", "db.internal", true, "a suffix"),
            ("*.internal", "internal", false, "the dot is part of it"),
            ("a*b*c", "a-b-b-c", true, "the last piece is found at the end"),
            ("a*b*c", "acb", false, "in their order"),
            ("ab*ba", "aba", false, "two pieces may not share a byte"),
            ("", "", true, "nothing is nothing"),
            ("", "x", false, "and no more"),
        ];
        for (pattern, text, expected, reason) in rows {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} {text:?}: {reason}");
        }
    }
}
