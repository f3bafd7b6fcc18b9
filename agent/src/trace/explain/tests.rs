//! What people read: each near miss, each pointer, and that it never disagrees with the proxy's parsers.

use super::*;

const GOOD: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn mark(traceparent: &[u8], tracestate: &str) -> MarkExplanation {
    explain(traceparent, Some(tracestate.as_bytes()), &Marker::default()).mark
}

#[test]
fn says_whether_it_is_marked_and_why_not() {
    let near = |member: &str, miss| MarkExplanation::Near { member: member.to_owned(), miss };
    let bad_key = MarkExplanation::IgnoredTracestate(TracestateError::BadKey);
    let rows = [
        ("the mark", "checkly=true", MarkExplanation::Marked),
        ("the mark among others", "foo=1, checkly=true", MarkExplanation::Marked),
        ("nothing like it", "foo=1", MarkExplanation::Unmarked),
        ("empty", "", MarkExplanation::Unmarked),
        ("space after the equals sign", "checkly= true", near("checkly= true", NearMiss::WhiteSpace)),
        ("space before the equals sign", "checkly =true", near("checkly =true", NearMiss::WhiteSpace)),
        ("upper-case key", "Checkly=true", near("Checkly=true", NearMiss::Case)),
        ("upper-case value", "checkly=TRUE", near("checkly=TRUE", NearMiss::Case)),
        ("longer value", "foo=1,checkly=truex", near("checkly=truex", NearMiss::Value)),
        ("longer key", "xcheckly=true", near("xcheckly=true", NearMiss::Key)),
        ("a tenant's key", "acme@checkly=true", near("acme@checkly=true", NearMiss::Key)),
        ("no value", "checkly", near("checkly", NearMiss::NoValue)),
        ("twice", "checkly=true,checkly=true", MarkExplanation::Marked),
        ("beside a bad key", "checkly=true,Foo=1", bad_key),
    ];
    for (why, tracestate, expected) in rows {
        assert_eq!(mark(GOOD, tracestate), expected, "{why}");
    }
    assert_eq!(mark(b"00-x", "checkly=true"), MarkExplanation::IgnoredTraceparent, "invalid traceparent");
    assert_eq!(explain(GOOD, None, &Marker::default()).mark, MarkExplanation::Unmarked, "no tracestate");
}

#[test]
fn the_pointer_stands_under_the_offending_place() {
    let text =
        explain(b" 00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None, &Marker::default()).to_string();
    let expected = "\
traceparent  00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
                 ^ here
  verdict    invalid (upper_case): upper-case hexadecimal digit: only 0-9 and a-f are allowed
marked       no (looked for checkly: the tracestate member checkly=true)
";
    assert_eq!(text, expected);
}

#[test]
fn each_field_and_member_is_explained() {
    let text = explain(GOOD, Some(b"foo=1, checkly=true"), &Marker::default()).to_string();
    let expected = "\
traceparent  00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  version    00  the current one
  trace id   4bf92f3577b34da6a3ce929d0e0e4736  the whole trace, the same in every service
  parent id  00f067aa0ba902b7  the span of the caller
  flags      01  sampled (the caller may have recorded this trace)
  verdict    valid
tracestate   foo=1, checkly=true
  member     foo=1
  member     checkly=true  the mark
  verdict    valid, 2 members
marked       yes (checkly: the tracestate member checkly=true)
";
    assert_eq!(text, expected);
}

#[test]
fn no_value_can_steer_a_terminal() {
    let text = explain(b"\x1b[2J\xff", Some(b"a=\x1b[31m\n"), &Marker::default()).to_string();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{text}");
    assert!(text.contains("\\x1b[2J\\xff") && text.lines().count() == 7, "{text}");
}

#[test]
fn an_escaped_byte_moves_the_pointer() {
    let explanation =
        explain(b"\x01\x0200000000000000000000000000000000000000000000000000000", None, &Marker::default());
    assert_eq!(explanation.context, Err(Defect { reason: TraceparentError::NotHex, column: 0 }));
    let explanation = explain("00-é".as_bytes(), None, &Marker::default());
    assert_eq!(explanation.context, Err(Defect { reason: TraceparentError::TooShort, column: 11 }));
    assert!(!explanation.is_valid());
}
