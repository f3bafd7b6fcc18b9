//! Each rule of section 3.3 of the specification, row by row; then what holds for any input.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::TracestateError::*;
use super::*;

fn look(lines: &[&[u8]]) -> Inspection {
    inspect(lines.iter().copied(), &Marker::default())
}

fn numbered(count: usize) -> String {
    (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",")
}

#[test]
fn accepts_what_the_grammar_allows() {
    let every_key_byte = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@";
    let every_value_byte: String = (0x20..=0x7eu8).map(char::from).filter(|c| !matches!(c, ',' | '=')).collect();
    let rows: &[(&str, &[&str], usize)] = &[
        ("one member", &["foo=1"], 1),
        ("two lines are one list", &["foo=1,bar=2", "rojo=1"], 3),
        ("empty header", &[""], 0),
        ("white space only", &[" \t"], 0),
        ("empty line after", &["foo=1", ""], 1),
        ("empty line before", &["", "foo=1"], 1),
        ("empty members", &[",foo=1,, ,\t,bar=2,"], 2),
        ("white space around members", &["foo=1 \t , \t bar=2, \t baz=3"], 3),
        ("tabs around members", &["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], 3),
        ("white space around all", &["\t foo=1 \t"], 1),
        ("every key character", &[&format!("{every_key_byte}=1")], 1),
        ("every value character", &[&format!("foo={every_value_byte}")], 1),
        ("a key that begins with a digit", &["1special=1"], 1),
        ("tenant and system", &["acme@rojo=1"], 1),
        ("an at sign at the end", &["foo@=1,bar=2"], 2),
        ("two at signs together", &["foo@@bar=1,bar=2"], 2),
        ("two at signs apart", &["a@b@c=1"], 1),
        ("a tenant of any length", &[&format!("{}@v=1", "t".repeat(242))], 1),
        ("a system of any length", &[&format!("t@{}=1", "v".repeat(15))], 1),
        ("a key of 256", &["foo=1", &format!("{}=1", "z".repeat(256))], 2),
        ("a value of 256", &[&format!("foo={}", "v".repeat(256))], 1),
        ("a value of one character", &["a=b"], 1),
        ("leading spaces belong to the value", &["foo=  1"], 1),
        ("32 members", &[&numbered(32)], 32),
        ("32 members and empty ones", &[&format!(",,{},,", numbered(32))], 32),
        ("more than 512 characters", &[&format!("a={0},b={0},c={0}", "x".repeat(256))], 3),
        ("the same member twice", &["foo=1,foo=1"], 2),
        ("a key twice: its senders keep it single", &["foo=1,foo=2"], 2),
        ("a key twice over two lines", &["foo=1", "foo=2"], 2),
    ];
    for (why, lines, count) in rows {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let seen = look(&lines);
        assert_eq!((seen.validity, seen.present), (Ok(*count), true), "{why}");
    }
    assert_eq!(look(&[]), Inspection::ABSENT);
}

#[test]
fn refuses_with_a_named_reason() {
    let (full, over, repeated) = (numbered(32), numbered(33), ["a=1"; 33].join(","));
    let (long_key, long_value) = (format!("{}=1", "z".repeat(257)), format!("foo={}", "v".repeat(257)));
    let rows: &[(&str, &[&[u8]], TracestateError)] = &[
        ("33 members", &[over.as_bytes()], TooManyMembers),
        ("33 members over two lines", &[full.as_bytes(), b"foo=1"], TooManyMembers),
        ("33 members of one key", &[repeated.as_bytes()], TooManyMembers),
        ("no equals sign", &[b"foo"], MissingEquals),
        ("no equals sign in the second", &[b"foo=1,bar"], MissingEquals),
        ("another separator", &[b"foo:1"], MissingEquals),
        ("empty key", &[b"=1"], EmptyKey),
        ("only an equals sign", &[b"="], EmptyKey),
        ("space before the equals sign", &[b"foo =1"], BadKey),
        ("upper-case key", &[b"FOO=1"], BadKey),
        ("dot in the key", &[b"foo.bar=1"], BadKey),
        ("at sign first", &[b"@foo=1,bar=2"], BadKey),
        ("underscore first", &[b"_foo=1"], BadKey),
        ("dash first", &[b"-foo=1"], BadKey),
        ("non-ASCII key", &["f\u{f6}o=1".as_bytes()], BadKey),
        ("a key of 257", &[b"foo=1", long_key.as_bytes()], KeyTooLong),
        ("empty value", &[b"foo=,bar=3"], EmptyValue),
        ("a value of spaces only", &[b"foo=   ,bar=3"], EmptyValue),
        ("two equals signs", &[b"foo=bar=baz"], BadValue),
        ("a tab in the value", &[b"foo=a\tb"], BadValue),
        ("a control byte in the value", &[b"foo=a\x01"], BadValue),
        ("DEL in the value", &[b"foo=\x7f"], BadValue),
        ("not UTF-8", &[b"foo=\xff"], BadValue),
        ("non-ASCII value", &["foo=\u{e9}".as_bytes()], BadValue),
        ("a value of 257", &[long_value.as_bytes()], ValueTooLong),
    ];
    for (why, lines, reason) in rows {
        let seen = look(lines);
        assert_eq!((seen.validity, seen.marked, seen.present), (Err(*reason), false, true), "{why}");
    }
}

#[test]
fn finds_the_mark_as_a_whole_member_of_a_valid_list() {
    let rows: &[(&str, &[&str], bool)] = &[
        ("alone", &["checkly=true"], true),
        ("first", &["checkly=true,foo=1"], true),
        ("last", &["foo=1,checkly=true"], true),
        ("in the middle", &["foo=1,checkly=true,bar=2"], true),
        ("in the second line", &["foo=1", "checkly=true"], true),
        ("white space around the member", &[" checkly=true "], true),
        ("tab and space among others", &["foo=1,\tcheckly=true ,bar=2"], true),
        ("empty members around", &[",,checkly=true,"], true),
        ("absent", &["foo=1"], false),
        ("a longer value", &["checkly=truex"], false),
        ("a longer key", &["xcheckly=true"], false),
        ("another value", &["checkly=false"], false),
        ("another case of the value", &["checkly=True"], false),
        ("a space after the equals sign is part of the value", &["checkly= true"], false),
        ("a tenant's key", &["acme@checkly=true"], false),
        ("as a value", &["foo=checkly"], false),
        ("as a value with its own equals sign", &["foo=checkly=true"], false),
        ("split over two lines", &["checkly=", "true"], false),
        ("in upper case, which is no key", &["Checkly=true"], false),
        ("a space before the equals sign, which is no key", &["checkly =true"], false),
        ("beside a bad key", &["checkly=true,BAD=1"], false),
        ("after a bad key", &["BAD=1,checkly=true"], false),
        ("twice", &["checkly=true,checkly=true"], true),
        ("after another value of its key", &["checkly=false,checkly=true"], true),
        ("beside a key twice", &["checkly=true,foo=1,foo=2"], true),
        ("with 33 members", &["checkly=true", &numbered(32)], false),
    ];
    for (why, lines, marked) in rows {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(look(&lines).marked, *marked, "{why}");
    }
}

#[test]
fn joins_lines_byte_for_byte() {
    let rows: &[(&[&[u8]], &[u8])] = &[
        (&[], b""),
        (&[b"foo=1 , bar=2"], b"foo=1 , bar=2"),
        (&[b"foo=1", b"bar=2"], b"foo=1,bar=2"),
        (&[b"", b"\xff", b""], b",\xff,"),
    ];
    for (lines, joined) in rows {
        let mut out = b"before:".to_vec();
        write_joined(lines.iter().copied(), &mut out);
        assert_eq!(out.strip_prefix(b"before:").unwrap(), *joined);
    }
}

proptest! {
    #[test]
    fn lists_made_by_the_grammar_are_valid(
        members in prop::collection::btree_map("[a-z0-9][a-z0-9_*/@-]{0,20}", "[ -+.-<>-~-]{0,20}[!-+.-<>-~-]", 1..=32),
        ows in "[ \t]{0,3}",
    ) {
        let list: Vec<String> = members.iter().map(|(key, value)| format!("{ows}{key}={value}{ows}")).collect();
        let seen = look(&[list.join(",").as_bytes()]);
        prop_assert_eq!(seen.validity, Ok(members.len()));
        prop_assert_eq!(seen.marked, members.get("checkly").is_some_and(|value| value == "true"));
    }

    #[test]
    fn how_lines_are_split_does_not_matter(members in prop::collection::vec("[a-cA,= ]{0,4}", 1..8)) {
        let lines: Vec<&[u8]> = members.iter().map(|member| member.as_bytes()).collect();
        prop_assert_eq!(look(&lines), look(&[members.join(",").as_bytes()]));
    }
}
