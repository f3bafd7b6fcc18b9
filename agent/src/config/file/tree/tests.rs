//! YAML as text, places and sections.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use super::{Node, Value, parse};

/// A tree on one line: texts in quotes, with their places.
fn plain(node: &Node) -> String {
    let inside = match &node.value {
        Value::Empty => "~".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(nodes) => format!("[{}]", nodes.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Map(entries) => {
            let entry = |(key, node): &(super::Key, Node)| format!("{}={}", key.name, plain(node));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
    };
    format!("{inside}@{}:{}", node.at.line, node.at.column)
}

#[test]
fn values_are_the_text_that_was_written() {
    for (text, expected, reason) in [
        ("", "~@1:1", "nothing"),
        ("a: 08", "{a=\"08\"@1:4}@1:1", "no octal number"),
        ("a: 1e3", "{a=\"1e3\"@1:4}@1:1", "no float"),
        ("a: off", "{a=\"off\"@1:4}@1:1", "no truth value"),
        ("a: 5s", "{a=\"5s\"@1:4}@1:1", "a duration"),
        ("a: :8080", "{a=\":8080\"@1:4}@1:1", "an address"),
        ("a: '~'", "{a=\"~\"@1:4}@1:1", "quoted is a text"),
        ("a: ~", "{a=~@1:4}@1:1", "null"),
        ("a: !!str ~", "{a=\"~\"@1:10}@1:1", "a text by its tag"),
        ("a:\nb: 1", "{a=~@1:2 b=\"1\"@2:4}@1:1", "nothing behind the colon"),
        ("a:\n  - b\n  - c: d", "{a=[\"b\"@2:5 {c=\"d\"@3:8}@3:5]@2:3}@1:1", "a list"),
        ("a: &x {b: 1}\nc: *x", "{a={b=\"1\"@1:11}@1:7 c={b=\"1\"@1:11}@2:4}@1:1", "an alias stands where it is used"),
        ("a: 1\na: 2", "{a=\"1\"@1:4 a=\"2\"@2:4}@1:1", "keys that come twice are kept"),
        ("a: |\n  x\n  y\n", "{a=\"x\\ny\\n\"@2:3}@1:1", "a block of text"),
        ("# only a comment", "~@1:1", "nothing but a comment"),
        ("---\na: 1\n...\n", "{a=\"1\"@2:4}@2:1", "marks around the document"),
        ("\u{feff}a: 1", "{a=\"1\"@1:4}@1:1", "a byte order mark"),
    ] {
        assert_eq!(plain(&parse(text).unwrap()), expected, "{reason}");
    }
}
