//! Tables over odd traces and over what reaches the terminal.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use super::{Look, Waterfall, compute, render};
use crate::export::decode::{Kind, ReceivedSpan, Status, Value};

const LOOK: Look = Look { width: 80, unicode: false, colour: false };

fn id(n: u8) -> [u8; 8] {
    [n; 8]
}

fn span(n: u8, parent: Option<u8>, start: u64, end: u64) -> ReceivedSpan {
    ReceivedSpan {
        service: "shop".to_owned(),
        resource: Arc::default(),
        trace_id: [1; 16],
        span_id: id(n),
        parent_id: parent.map(id),
        name: "GET".to_owned(),
        kind: Kind::Server,
        start_unix_nano: start,
        end_unix_nano: end,
        status: Status::Unset,
        attributes: vec![
            ("http.request.method".to_owned(), Value::Text("GET".to_owned())),
            ("url.path".to_owned(), Value::Text(format!("/{n}"))),
            ("http.response.status_code".to_owned(), Value::Int(200)),
        ],
        trace_state: String::new(),
        flags: 0,
    }
}

fn attempt(n: u8, parent: u8, start: u64, end: u64) -> ReceivedSpan {
    ReceivedSpan { kind: Kind::Internal, ..span(n, Some(parent), start, end) }
}

fn of(spans: &[ReceivedSpan]) -> Waterfall {
    compute(&[1; 16], &spans.iter().collect::<Vec<_>>(), Some(id(9)))
}

#[test]
fn order_depth_and_orphans() {
    type Rows = &'static [(&'static str, usize, bool)];
    let table: &[(&str, Vec<ReceivedSpan>, Rows)] = &[
        ("no spans, no rows", vec![], &[]),
        ("a root", vec![span(1, None, 0, 1)], &[("GET /1", 0, false)]),
        ("the sender's span is nobody's loss", vec![span(1, Some(9), 0, 1)], &[("GET /1", 0, false)]),
        ("another missing parent is", vec![span(1, Some(8), 0, 1)], &[("GET /1", 0, true)]),
        ("its own parent", vec![span(1, Some(1), 0, 1)], &[("GET /1", 0, true)]),
        (
            "children come after parents whatever the order of arrival",
            vec![span(3, Some(2), 2, 3), attempt(2, 1, 1, 4), span(1, Some(9), 0, 5)],
            &[("GET /1", 0, false), ("attempt", 1, false), ("GET /3", 2, false)],
        ),
        (
            "siblings come by start",
            vec![span(1, None, 0, 9), span(3, Some(1), 5, 6), span(2, Some(1), 1, 2)],
            &[("GET /1", 0, false), ("GET /2", 1, false), ("GET /3", 1, false)],
        ),
        (
            "a child that starts before its parent by another clock stays below it",
            vec![span(1, None, 100, 200), span(2, Some(1), 50, 90)],
            &[("GET /1", 0, false), ("GET /2", 1, false)],
        ),
        (
            "a loop of parents is cut where it starts",
            vec![span(1, Some(2), 0, 1), span(2, Some(1), 1, 2)],
            &[("GET /1", 0, false), ("GET /2", 1, false)],
        ),
        (
            "one id twice: both have a row",
            vec![span(1, None, 0, 1), span(1, None, 1, 2)],
            &[("GET /1", 0, false), ("GET /1", 0, false)],
        ),
    ];
    for (reason, spans, expected) in table {
        let waterfall = of(spans);
        let rows: Vec<_> = waterfall.rows.iter().map(|row| (row.label.as_str(), row.depth, row.orphan)).collect();
        assert_eq!(rows, *expected, "{reason}");
    }
}

#[test]
fn times() {
    for (reason, spans, total, row) in [
        ("from the first start to the last end", vec![span(1, None, 10, 20), span(2, Some(1), 15, 40)], 30, (5, 25)),
        ("an end before the start is no duration", vec![span(1, None, 5, 9), span(2, Some(1), 8, 3)], 4, (3, 0)),
        ("no time at all", vec![span(1, None, 7, 7), span(2, Some(1), 7, 7)], 0, (0, 0)),
        ("a clock at zero", vec![span(1, None, u64::MAX, u64::MAX), span(2, Some(1), 0, 0)], u64::MAX, (0, 0)),
    ] {
        let waterfall = of(&spans);
        let second = waterfall.rows.get(1).unwrap();
        assert_eq!((waterfall.total, (second.offset, second.duration)), (total, row), "{reason}");
    }
}

#[test]
fn causes_and_ids() {
    let mut failed = attempt(2, 1, 0, 1);
    failed.attributes = vec![("error.type".to_owned(), Value::Text("connect_refused".to_owned()))];
    failed.status = Status::Error("nothing listens".to_owned());
    let mut again = attempt(3, 1, 1, 2);
    again.attributes.push(("http.request.resend_count".to_owned(), Value::Int(1)));
    let waterfall = of(&[span(1, None, 0, 2), failed, again]);
    let rows: Vec<_> = waterfall
        .rows
        .iter()
        .map(|row| (row.label.as_str(), row.cause.as_deref(), row.parent_id_sent.as_deref()))
        .collect();
    assert_eq!(
        rows,
        [
            ("GET /1", None, None),
            ("attempt", Some("connect_refused: nothing listens"), None),
            ("attempt 2", None, Some("0303030303030303")),
        ]
    );
}

#[test]
fn a_page() {
    let ms = 1_000_000;
    let page = render(&of(&[span(1, Some(9), 0, 16 * ms), attempt(2, 1, 4 * ms, 12 * ms)]), LOOK);
    let expected = "\
trace 01010101010101010101010101010101  GET /1  16.0 ms
  shop GET /1                  ==================   16.0 ms 200 -
    attempt                        ---------         8.0 ms 200 0202020202020202
";
    assert_eq!(page, expected);
}

#[test]
fn every_line_fits() {
    let deep: Vec<_> = (1..60).map(|n| span(n, (n > 1).then(|| n - 1), 0, u64::from(n))).collect();
    let mut long = span(1, None, 0, u64::MAX);
    long.service = "s".repeat(300);
    let mut orphan = attempt(1, 7, 0, 1);
    orphan.attributes = vec![("error.type".to_owned(), Value::Text("e".repeat(300)))];
    for (reason, spans) in
        [("deep", deep), ("a long name", vec![long]), ("a long cause", vec![orphan]), ("none", vec![])]
    {
        for width in [0, 80, 93, 100, usize::MAX] {
            let page = render(&of(&spans), Look { width, ..LOOK });
            let widest = page.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.clamp(80, 100), "{reason} at {width}: {widest}\n{page}");
        }
    }
}

#[test]
fn nothing_received_can_drive_the_terminal() {
    for (harm, reason) in [
        ("\x1b[2J", "an escape sequence clears the screen"),
        ("\u{9b}2J", "so does its one-character form"),
        ("\r\n", "a line feed forges a line"),
        ("\u{202e}", "an override reverses what follows"),
        ("\u{200b}", "a zero-width space hides"),
    ] {
        let mut root = span(1, None, 0, 1);
        root.service = format!("a{harm}b");
        root.attributes = vec![("url.path".to_owned(), Value::Text(format!("/{harm}")))];
        root.status = Status::Error(format!("why{harm}"));
        let page = render(&of(&[root]), Look { unicode: true, ..LOOK });
        assert_eq!(page.lines().count(), 3, "{reason}: {page:?}");
        let harmful = |c: char| c != '\n' && (c.is_control() || harm.trim().contains(c) && !c.is_ascii());
        assert!(!page.contains(harmful), "{reason}: {page:?}");
    }
}

#[test]
fn looks() {
    type Variables = &'static [(&'static str, &'static str)];
    type Row = (bool, Variables, (usize, bool, bool), &'static str);
    let table: &[Row] = &[
        (true, &[], (80, false, true), "nothing known of the locale: ASCII"),
        (true, &[("LANG", "en_GB.UTF-8")], (80, true, true), "UTF-8"),
        (true, &[("LANG", "C.utf8")], (80, true, true), "spelt otherwise"),
        (true, &[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], (80, false, true), "LC_ALL decides"),
        (true, &[("LANG", "en_GB.UTF-8"), ("LC_ALL", "")], (80, true, true), "an empty value counts as none"),
        (true, &[("NO_COLOR", "1")], (80, false, false), "asked not to"),
        (true, &[("TERM", "dumb")], (80, false, false), "cannot"),
        (false, &[("COLUMNS", "95")], (95, false, false), "a file or a pipe gets no colours"),
    ];
    for (is_terminal, variables, expected, reason) in table {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let look = Look::detect(*is_terminal, variable);
        assert_eq!((look.width, look.unicode, look.colour), *expected, "{reason}");
    }
    let coloured = render(&of(&[span(1, None, 0, 1)]), Look { colour: true, ..LOOK });
    assert!(
        coloured.contains("\x1b[") && coloured.lines().all(|line| line.ends_with("\x1b[0m") || line.contains("trace"))
    );
}
