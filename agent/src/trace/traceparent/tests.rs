//! Each rule of section 3.2 of the specification, row by row; then what holds for any input.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::TraceparentError::*;
use super::*;

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: &str = "1234567890123456";

fn value(version: &str, trace: &str, parent: &str, flags: &str) -> Vec<u8> {
    format!("{version}-{trace}-{parent}-{flags}").into_bytes()
}

#[test]
fn refuses_with_a_named_reason_and_its_place() {
    let good = String::from_utf8(value("00", TRACE, PARENT, "01")).unwrap();
    let upper = "1234567890123456789012345678901A";
    let rows: &[(&str, Vec<u8>, TraceparentError, usize)] = &[
        ("nothing", b"".to_vec(), Empty, 0),
        ("white space only", b" \t ".to_vec(), Empty, 0),
        ("a word", b"hello".to_vec(), TooShort, 5),
        ("flags of one digit", value("00", TRACE, PARENT, "1"), TooShort, 54),
        ("short trace id: not padded", value("00", &TRACE[1..], PARENT, "01"), TooShort, 54),
        ("short parent id: not padded", value("00", TRACE, &PARENT[1..], "01"), TooShort, 54),
        ("short version", value("0", TRACE, PARENT, "01"), TooShort, 54),
        ("version of three digits", value("000", TRACE, PARENT, "01"), MissingDash, 2),
        ("version of four digits", value("0000", TRACE, PARENT, "01"), MissingDash, 2),
        ("trace id of 33 digits", value("00", &format!("{TRACE}3"), PARENT, "01"), MissingDash, 35),
        ("parent id of 17 digits", value("00", TRACE, &format!("{PARENT}7"), "01"), MissingDash, 52),
        ("55 characters, one dash of three", format!("00-{TRACE}-{PARENT}001").into_bytes(), MissingDash, 52),
        ("55 characters, no dash", "0".repeat(55).into_bytes(), MissingDash, 2),
        (
            "a dash in the trace id",
            value("00", "1234567890-234567890123456789012-", "123456789012345", "01"),
            MissingDash,
            13,
        ),
        ("upper-case trace id", value("00", upper, PARENT, "01"), UpperCase, 34),
        ("upper-case parent id", value("00", TRACE, "A234567890123456", "01"), UpperCase, 36),
        ("upper-case flags", value("00", TRACE, PARENT, "0A"), UpperCase, 54),
        ("upper-case version", value("CC", TRACE, PARENT, "01"), UpperCase, 0),
        ("dot in the version, first", value(".0", TRACE, PARENT, "01"), NotHex, 0),
        ("dot in the version, second", value("0.", TRACE, PARENT, "01"), NotHex, 1),
        ("dot in the trace id, first", value("00", &format!(".{}", &TRACE[1..]), PARENT, "01"), NotHex, 3),
        ("dot in the trace id, last", value("00", &format!("{}.", &TRACE[1..]), PARENT, "01"), NotHex, 34),
        ("dot in the parent id", value("00", TRACE, &format!("{}.", &PARENT[1..]), "01"), NotHex, 51),
        ("dot in the flags", value("00", TRACE, PARENT, ".0"), NotHex, 53),
        ("a sign is no digit in flags", value("00", TRACE, PARENT, "+0"), NotHex, 53),
        ("a sign is no digit in ids", value("00", &format!("+{}", &TRACE[1..]), PARENT, "01"), NotHex, 3),
        ("g is no digit", value("00", TRACE, "g234567890123456", "01"), NotHex, 36),
        ("not UTF-8", value("00", TRACE, PARENT, "01").iter().map(|b| b | 0x80).collect(), NotHex, 0),
        ("version ff", value("ff", TRACE, PARENT, "01"), VersionFf, 0),
        ("version ff with more", value("ff", TRACE, PARENT, "01-x"), VersionFf, 0),
        ("version 00 and a dash", value("00", TRACE, PARENT, "01-"), TrailingData, 55),
        ("version 00 and a dot", value("00", TRACE, PARENT, "01."), TrailingData, 55),
        ("version 00 and a field", value("00", TRACE, PARENT, "01-what-the-future-will-be-like"), TrailingData, 55),
        ("two values in one line", format!("{good},{good}").into_bytes(), TrailingData, 55),
        ("version cc and a dot", value("cc", TRACE, PARENT, "01.what-the-future-will-be-like"), BadExtension, 55),
        ("version 01 and a digit", value("01", TRACE, PARENT, "012"), BadExtension, 55),
        ("trace id of zeros", value("00", &"0".repeat(32), PARENT, "01"), ZeroTraceId, 3),
        ("parent id of zeros", value("00", TRACE, &"0".repeat(16), "01"), ZeroParentId, 36),
        ("both of zeros", value("00", &"0".repeat(32), &"0".repeat(16), "01"), ZeroTraceId, 3),
        ("zeros in a later version", value("cc", &"0".repeat(32), PARENT, "01"), ZeroTraceId, 3),
        ("the header's name in the value", format!("traceparent: {good}").into_bytes(), NotHex, 0),
    ];
    for (why, input, reason, at) in rows {
        let fault = Fault { reason: *reason, at: *at };
        assert_eq!(Traceparent::locate(trim(input)), Err(fault), "{why}: {}", input.escape_ascii());
        assert_eq!(Incoming::extract([input.as_slice()]), Incoming::Invalid(*reason), "{why}");
    }
}

#[test]
fn reads_what_the_specification_allows() {
    let rows: &[(&str, &str, u8, u8)] = &[
        ("sampled", "00-{}-01", 0, 0x01),
        ("not sampled", "00-{}-00", 0, 0x00),
        ("the random flag is kept", "00-{}-03", 0, 0x03),
        ("unknown flags are kept when reading", "00-{}-ff", 0, 0xff),
        ("a later version by its first four fields", "cc-{}-01", 0xcc, 0x01),
        ("the last version", "fe-{}-02", 0xfe, 0x02),
        ("a later version with more fields", "cc-{}-01-what-the-future-will-be-like", 0xcc, 0x01),
        ("a later version ending in a dash", "01-{}-01-", 0x01, 0x01),
        ("space before", " 00-{}-01", 0, 0x01),
        ("tab before", "\t00-{}-01", 0, 0x01),
        ("space after", "00-{}-01 ", 0, 0x01),
        ("tab after", "00-{}-01\t", 0, 0x01),
        ("both around", "\t 00-{}-01 \t", 0, 0x01),
    ];
    for (why, template, version, flags) in rows {
        let input = template.replace("{}", &format!("{TRACE}-{PARENT}"));
        let Incoming::Valid(read) = Incoming::extract([input.as_bytes()]) else { panic!("{why}: {input}") };
        assert_eq!((read.version, read.flags.byte()), (*version, *flags), "{why}");
        assert_eq!((read.trace_id.to_string().as_str(), read.parent_id.to_string().as_str()), (TRACE, PARENT), "{why}");
    }
}

#[test]
fn sends_version_00_and_known_flags_only() {
    for (input, output) in [("00-{}-01", "01"), ("cc-{}-03-more", "03"), ("00-{}-fd", "01"), ("00-{}-fc", "00")] {
        let input = input.replace("{}", &format!("{TRACE}-{PARENT}"));
        let encoded = Traceparent::parse(input.as_bytes()).unwrap().encode();
        assert_eq!(encoded.as_slice(), value("00", TRACE, PARENT, output), "{input}");
    }
}

#[test]
fn several_lines_are_invalid_whatever_they_say() {
    let first = value("00", TRACE, PARENT, "01");
    let second = value("00", &format!("{}1", &TRACE[1..]), PARENT, "01");
    let rows: &[(&str, &[&[u8]])] = &[
        ("two valid ones: neither wins", &[&first, &second]),
        ("the same twice", &[&first, &first]),
        ("a valid and an empty one", &[&first, b""]),
        ("an invalid and a valid one", &[b"x", &first]),
    ];
    for (why, lines) in rows {
        assert_eq!(Incoming::extract(lines.iter().copied()), Incoming::Invalid(SeveralLines), "{why}");
    }
    assert_eq!(Incoming::extract([]), Incoming::Absent, "no line");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(trace in any::<[u8; 16]>(), parent in any::<[u8; 8]>(), flags: u8) {
        if let (Some(trace_id), Some(parent_id)) = (TraceId::from_bytes(trace), SpanId::from_bytes(parent)) {
            let sent = Traceparent { trace_id, parent_id, flags: Flags::from_byte(flags).known(), version: 0 };
            prop_assert_eq!(Traceparent::parse(&sent.encode()), Ok(sent));
        }
    }

    #[test]
    fn one_changed_byte_is_seen(at in 0..LENGTH, byte: u8) {
        let good = value("00", TRACE, PARENT, "01");
        let mut changed = good.clone();
        changed[at] = byte;
        if changed != good && let Ok(read) = Traceparent::parse(&changed) {
            prop_assert_ne!(Some(read), Traceparent::parse(&good).ok());
        }
    }
}
