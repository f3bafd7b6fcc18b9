//! Trace context as the tests write and read it: independent of the agent's own codec, so that both cannot share a
//! mistake.

use std::sync::atomic::{AtomicU64, Ordering};

/// The mark that identifies a synthetic request by default.
pub const MARK: &str = "checkly=true";

/// The fields of a `traceparent`, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traceparent {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub parent_id: String,
    /// The flags byte.
    pub flags: u8,
}

impl Traceparent {
    /// A context that no other call of this process has, with these flags.
    #[must_use]
    pub fn fresh(flags: u8) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { trace_id: format!("{n:016x}{spread:016x}"), parent_id: format!("{spread:016x}"), flags }
    }

    /// Reads version 00.
    ///
    /// # Panics
    /// When the text is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let parts: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [2, 32, 16, 2], "not a traceparent: {text:?}");
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(parts.iter().all(|part| part.bytes().all(lower_hex)), "not lower-case hexadecimal: {text:?}");
        assert_eq!(parts[0], "00", "not version 00: {text:?}");
        Self {
            trace_id: parts[1].to_owned(),
            parent_id: parts[2].to_owned(),
            flags: u8::from_str_radix(parts[3], 16).expect("two hexadecimal digits"),
        }
    }

    /// Whether the caller recorded this trace.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Whether the trace id is declared random.
    #[must_use]
    pub const fn random(&self) -> bool {
        self.flags & 2 == 2
    }
}

impl std::fmt::Display for Traceparent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

/// A marked GET for `path` in the trace of `context`, kept alive.
#[must_use]
pub fn marked_get(path: &str, context: &Traceparent) -> Vec<u8> {
    let context = context.to_string();
    crate::client::get(path, &[("traceparent", &context), ("tracestate", MARK)])
}
