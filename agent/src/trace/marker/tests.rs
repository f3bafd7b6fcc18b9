//! What counts as marked, and that trust is not asked for nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

use super::*;
use crate::trace::traceparent::{Traceparent, TraceparentError};

fn valid() -> Incoming {
    Incoming::Valid(Traceparent::parse(b"00-12345678901234567890123456789012-1234567890123456-01").unwrap())
}

#[test]
fn trust_decides_about_a_mark_beside_a_valid_context() {
    let rows = [
        ("no trusted sources named", Trust::Unrestricted, Mark::Other, Some(Source::Other)),
        ("source trusted by name", Trust::Inside, Mark::Trusted, Some(Source::Trusted)),
        ("source outside", Trust::Outside, Mark::Untrusted, None),
    ];
    for (why, trust, mark, source) in rows {
        let weighed = Mark::weigh(true, &valid(), || trust);
        assert_eq!((weighed, weighed.source(), weighed.counts()), (mark, source, source.is_some()), "{why}");
    }
}

#[test]
fn without_a_mark_or_a_context_trust_is_not_asked() {
    let rows = [
        ("no mark", false, valid()),
        ("no context", true, Incoming::Absent),
        ("invalid context", true, Incoming::Invalid(TraceparentError::TooShort)),
    ];
    for (why, found, context) in rows {
        assert_eq!(Mark::weigh(found, &context, || panic!("{why}")), Mark::None, "{why}");
    }
}

#[test]
fn another_member_can_be_the_mark() {
    let rule = Rule::TracestateMember { key: "acme@probe".to_owned(), value: "1".to_owned() };
    let marker = Marker { name: "acme".to_owned(), rule };
    assert!(marker.matches_member(&Member { key: b"acme@probe", value: b"1" }));
    assert!(!marker.matches_member(&Member { key: b"checkly", value: b"true" }));
}
