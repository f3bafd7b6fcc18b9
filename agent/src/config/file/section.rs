//! Walks through a section key by key, notes every mistake and goes on. What was not asked for in the end is unknown.

use super::outside::Outside;
use super::problem::{Place, Problem};
use super::substitute::{Substituted, substitute};
use super::suggest::{is_slip, nearest};
use super::tree::{Node, Value};
use super::words::Words;

/// What a reading collects, and where it may look.
pub(super) struct Reader<'a> {
    pub(super) outside: &'a dyn Outside,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

/// A value that was asked for: its path, its place, and itself.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) at: Place,
    pub(super) node: Node,
}

/// A scalar with its variables put in.
pub(super) struct Scalar {
    pub(super) path: String,
    pub(super) at: Place,
    pub(super) text: String,
    /// How a message shows it: as it was written, never with a variable's value.
    pub(super) shown: String,
}

/// A section whose keys are taken out one by one.
pub(super) struct Section {
    pub(super) path: String,
    pub(super) at: Place,
    entries: Vec<(String, Place, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(outside: &'a dyn Outside) -> Self {
        Self { outside, problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn problem(&mut self, at: Place, path: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { at, path: path.to_owned(), problem: problem.into(), remedy: remedy.into() });
    }

    /// A value of which only the sentence that says what was expected is known.
    pub(super) fn refuse(&mut self, scalar: &Scalar, expected: &str) {
        self.problem(scalar.at, &scalar.path, format!("{:?} cannot be used", scalar.shown), expected);
    }

    /// The section that lies in `entry`. An empty one is as good as none.
    pub(super) fn section(&mut self, entry: Entry) -> Option<Section> {
        let Entry { path, at, node } = entry;
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Empty => Vec::new(),
            Value::Text(_) | Value::List(_) => {
                self.problem(at, &path, "a section belongs here", "write its keys below, one a line and indented");
                return None;
            }
        };
        let mut section = Section { path, at, entries: Vec::with_capacity(entries.len()), known: Vec::new() };
        for (key, node) in entries {
            match section.entries.iter().find(|(name, ..)| *name == key.name) {
                Some((_, first, _)) => {
                    let problem = format!("stands here a second time, after line {}", first.line);
                    self.problem(key.at, &section.path_of(&key.name), problem, "keep one of them");
                }
                None => section.entries.push((key.name, key.at, node)),
            }
        }
        Some(section)
    }

    /// The scalar that lies in `entry`.
    pub(super) fn scalar(&mut self, entry: Entry) -> Option<Scalar> {
        let Entry { path, at, node } = entry;
        let written = match node.value {
            Value::Text(text) => text,
            Value::Empty => {
                self.problem(at, &path, "has no value", "write one, or leave the key out");
                return None;
            }
            Value::List(_) | Value::Map(_) => {
                self.problem(at, &path, "a single value belongs here", "write it behind the colon");
                return None;
            }
        };
        match substitute(&written, &|name| self.outside.variable(name)) {
            Ok(Substituted { text, from_variable }) => {
                let shown = if from_variable { written } else { text.clone() };
                Some(Scalar { path, at, text, shown: shorten(&shown) })
            }
            Err((problem, remedy)) => {
                self.problem(at, &path, problem, remedy);
                None
            }
        }
    }

    /// The members of the list that lies in `entry`; a single value is a list of one.
    pub(super) fn list(&mut self, entry: Entry) -> Vec<Entry> {
        let Entry { path, at, node } = entry;
        match node.value {
            Value::List(nodes) => {
                let member = |(n, node): (usize, Node)| Entry { path: format!("{path}[{n}]"), at: node.at, node };
                nodes.into_iter().enumerate().map(member).collect()
            }
            Value::Text(_) => vec![Entry { path, at, node }],
            Value::Empty => Vec::new(),
            Value::Map(_) => {
                self.problem(at, &path, "a list belongs here", "begin each member with a dash: - value");
                Vec::new()
            }
        }
    }

    /// What `parse` makes of the value under `key`; its error says what was expected.
    pub(super) fn value<T>(
        &mut self,
        section: &mut Section,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let entry = section.take(key)?;
        let scalar = self.scalar(entry)?;
        self.parsed(&scalar, parse)
    }

    /// What `parse` makes of `scalar`.
    pub(super) fn parsed<T>(&mut self, scalar: &Scalar, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        parse(&scalar.text).map_err(|expected| self.refuse(scalar, &expected)).ok()
    }

    /// The same for each member of a list.
    pub(super) fn values<T>(
        &mut self,
        section: &mut Section,
        key: &'static str,
        mut parse: impl FnMut(&mut Self, &Scalar) -> Option<T>,
    ) -> Vec<T> {
        let Some(entry) = section.take(key) else { return Vec::new() };
        let members = self.list(entry);
        members.into_iter().filter_map(|member| self.scalar(member).and_then(|scalar| parse(self, &scalar))).collect()
    }

    /// One of a fixed set of words.
    pub(super) fn choice<T: Words>(&mut self, section: &mut Section, key: &'static str) -> Option<T> {
        let entry = section.take(key)?;
        let scalar = self.scalar(entry)?;
        let found = T::WORDS.iter().find(|(word, _)| *word == scalar.text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
            let listed = known.join(", ");
            let remedy = match nearest(&scalar.text, &known) {
                Some(near) => format!("did you mean {near}? There is: {listed}"),
                None => format!("write one of: {listed}"),
            };
            self.refuse(&scalar, &remedy);
        }
        found
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, section: &mut Section, key: &'static str) -> Option<bool> {
        self.value(section, key, |text| match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err("write true or false".to_owned()),
        })
    }

    /// A whole number in `range`.
    pub(super) fn number(
        &mut self,
        section: &mut Section,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        self.value(section, key, |text| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| digits && range.contains(number));
            number.ok_or_else(|| format!("write a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// A key without which nothing works. Where a slip of it stands, that is said instead, when the section is finished.
    pub(super) fn missing(&mut self, section: &Section, key: &str, remedy: &str) {
        if section.entries.iter().any(|(name, ..)| is_slip(name, key)) {
            return;
        }
        let path = section.path_of(key);
        self.problem(section.at, &path, "is missing", remedy);
    }
}

impl Entry {
    pub(super) fn is_text(&self) -> bool {
        matches!(self.node.value, Value::Text(_))
    }
}

impl Section {
    /// The value under `key`, which is known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        let path = self.path_of(key);
        let at = self.entries.iter().position(|(name, ..)| name == key)?;
        let (_, _, node) = self.entries.remove(at);
        Some(Entry { path, at: node.at, node })
    }

    /// Whether `key` is there and was not taken yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, ..)| name == key)
    }

    /// Where the value under `key` stands, or the section itself.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.entries.iter().find(|(name, ..)| name == key).map_or(self.at, |(_, _, node)| node.at)
    }

    /// The keys that are left, for a section whose keys are names of the user's.
    pub(super) fn rest(mut self) -> Vec<(String, Entry)> {
        let entries = std::mem::take(&mut self.entries);
        let entry = |(name, _, node): (String, Place, Node)| {
            let path = self.path_of(&name);
            (name, Entry { path, at: node.at, node })
        };
        entries.into_iter().map(entry).collect()
    }

    /// Whatever was not asked for is unknown.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for (name, at, _) in &self.entries {
            let remedy = match nearest(name, &self.known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there is: {}", self.known.join(", ")),
            };
            reader.problem(*at, &self.path_of(&shorten(name)), "there is no such key", remedy);
        }
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// A value as far as a message needs it.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
