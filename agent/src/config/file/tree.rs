//! YAML as a tree in which every key and value knows its place. Says nothing of what the keys mean.
//!
//! Made from the parser's events rather than through serde: so a reader can go on after a mistake and name all of
//! them, and a value is the text that was written (`08`, `1e3` and `off` are not turned into something else first).

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::problem::{Place, Problem};

/// Keys, values and list members of one file at most, those that aliases repeat included.
const MOST_NODES: usize = 100_000;
/// Sections within sections at most.
const DEEPEST: usize = 32;

/// One value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Empty,
    /// A scalar as it was written, quotes and escapes resolved.
    Text(String),
    List(Vec<Node>),
    /// In the file's order; a key may occur twice.
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: Place,
    pub(super) name: String,
}

/// Reads the one document of `text`.
///
/// # Errors
/// What is no YAML, or more of it than any configuration needs.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let cause = error.info();
            problem(
                place(error.marker()),
                format!("this is no YAML: {cause}"),
                "check indentation, quotes and brackets",
            )
        })?;
        builder.take(event, place(&span.start))?;
    }
    Ok(builder.root.unwrap_or(Node { at: Place { line: 1, column: 1 }, value: Value::Empty }))
}

/// What has been read so far.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
}

/// A list or section whose end has not come.
struct Open {
    at: Place,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(problem(at, "a second document begins here", "keep one, and leave the line --- out"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let forced = check_tag(tag.as_deref(), at)?;
                let plain = style == ScalarStyle::Plain && !forced;
                let value = match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Value::Empty,
                    text => Value::Text(text.to_owned()),
                };
                self.put(Node { at, value }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                self.begin(Open { at, anchor, inside: Inside::List(Vec::new()) })?;
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                self.begin(Open { at, anchor, inside: Inside::Map(Vec::new(), None) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { at, anchor, inside }) = self.open.pop() {
                    let value = match inside {
                        Inside::List(nodes) => Value::List(nodes),
                        Inside::Map(entries, _) => Value::Map(entries),
                    };
                    self.put(Node { at, value }, anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(problem(at, "this alias names a section it lies in", "write the values out"));
                };
                let node = Node { at, value: node.value.clone() };
                self.nodes += size(&node);
                self.put(node, 0)?;
            }
            // The stream's ends say nothing; the others are not asked for.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, open: Open) -> Result<(), Problem> {
        if self.open.len() >= DEEPEST {
            return Err(problem(
                open.at,
                format!("more than {DEEPEST} sections within each other"),
                "no key lies so deep",
            ));
        }
        self.open.push(open);
        Ok(())
    }

    /// A whole node: a key, or a value where one is due.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(problem(node.at, format!("more than {MOST_NODES} keys and values"), "use fewer aliases"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
            self.nodes += size(&node);
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(nodes)) => nodes.push(node),
            Some(Inside::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(as_key(node)?),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<Key, Problem> {
    match node.value {
        Value::Text(name) if name == "<<" => Err(problem(
            node.at,
            "merge keys (<<) are not read",
            "write the keys out, or repeat a whole section by alias",
        )),
        Value::Text(name) => Ok(Key { at: node.at, name }),
        Value::Empty => Ok(Key { at: node.at, name: String::new() }),
        Value::List(_) | Value::Map(_) => Err(problem(node.at, "a key is a list or a section", "write a plain word")),
    }
}

/// Whether the tag makes a text of what it stands before.
fn check_tag(tag: Option<&Tag>, at: Place) -> Result<bool, Problem> {
    match tag.map(|tag| (tag.core_suffix(), tag.suffix())) {
        None => Ok(false),
        Some((Some("str"), _)) => Ok(true),
        Some((Some(_), _)) => Ok(false),
        Some((None, suffix)) => Err(problem(at, format!("tags such as !{suffix} are not read"), "leave it out")),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Empty | Value::Text(_) => 0,
        Value::List(nodes) => nodes.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| 1 + size(node)).sum(),
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

fn problem(at: Place, problem: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem { at, path: String::new(), problem: problem.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests;
