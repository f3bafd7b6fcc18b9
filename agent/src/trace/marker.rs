//! The mark: what identifies a synthetic request, and how far it is believed.
//!
//! A marker is a named rule. The rule says where to look; trust in the source is weighed apart from it, so a further
//! kind of rule (a header, a user agent, a source range, a trace-id prefix, a baggage member) is one more variant of
//! [`Rule`] and one more question like [`Marker::matches_member`].

use super::admission::Source;
use super::traceparent::Incoming;
use super::tracestate::Member;

/// A named rule that tells synthetic requests from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// How people call it.
    pub name: String,
    /// What it looks for.
    pub rule: Rule,
}

/// What a marker looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A list member of `tracestate`, in any position and any header line, beside a valid `traceparent`.
    TracestateMember {
        /// Compared byte for byte.
        key: String,
        /// Compared byte for byte.
        value: String,
    },
}

/// Whether a request is marked, and whether that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// There is no mark, or only one beside a `traceparent` that cannot be used.
    None,
    /// Marked, from a source that is trusted by name.
    Trusted,
    /// Marked; no trusted sources were named, so any counts.
    Other,
    /// Marked, but from outside of the trusted sources: counted and ignored.
    Untrusted,
}

crate::label!(Mark {
    None => "none",
    Trusted => "trusted",
    Other => "other",
    Untrusted => "untrusted",
});

/// What is known of the source of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No trusted sources were named.
    Unrestricted,
    /// The client's address is in a trusted range.
    Inside,
    /// It is in none, or unknown.
    Outside,
}

impl Default for Marker {
    /// Checkly's own mark.
    fn default() -> Self {
        Self {
            name: "checkly".to_owned(),
            rule: Rule::TracestateMember { key: "checkly".to_owned(), value: "true".to_owned() },
        }
    }
}

impl Marker {
    /// Whether this list member is the mark.
    #[must_use]
    pub fn matches_member(&self, member: &Member<'_>) -> bool {
        let Rule::TracestateMember { key, value } = &self.rule;
        member.key == key.as_bytes() && member.value == value.as_bytes()
    }
}

impl Mark {
    /// Weighs what was found. `trust` is asked only where there is a mark to weigh.
    #[must_use]
    pub fn weigh(found: bool, context: &Incoming, trust: impl FnOnce() -> Trust) -> Self {
        if !found || context.valid().is_none() {
            return Self::None;
        }
        match trust() {
            Trust::Unrestricted => Self::Other,
            Trust::Inside => Self::Trusted,
            Trust::Outside => Self::Untrusted,
        }
    }

    /// Whether the request counts as marked.
    #[must_use]
    pub const fn counts(self) -> bool {
        self.source().is_some()
    }

    /// Whose admission bucket the request draws from, if it counts as marked.
    #[must_use]
    pub const fn source(self) -> Option<Source> {
        match self {
            Self::Trusted => Some(Source::Trusted),
            Self::Other => Some(Source::Other),
            Self::None | Self::Untrusted => None,
        }
    }
}

#[cfg(test)]
mod tests;
