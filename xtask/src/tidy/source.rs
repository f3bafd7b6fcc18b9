//! As much Rust as the rules need: code without comments and strings, comments alone, and the paths that code names.
//!
//! Refuses to be a parser. It follows strings, raw strings, characters, lifetimes, nested comments and `use` trees.

/// A path as code names it, `use` trees spread out: `use a::{b, c::d};` names `a::b` and `a::c::d`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// From 1.
    pub(super) line: usize,
    /// Segments joined by `::`, without a leading one; ends in `*` for a glob.
    pub(super) path: String,
    /// Whether it is in a `pub use`.
    pub(super) exported: bool,
}

/// Where a byte of source belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The code, with comments and the insides of strings as spaces. Lines stay where they are.
pub(super) fn code(text: &str) -> String {
    only(text, Kind::Code)
}

/// The comments, with everything else as spaces. Lines stay where they are.
pub(super) fn comments(text: &str) -> String {
    only(text, Kind::Comment)
}

/// The code up to the tests: what lies before the first `#[cfg(test)]` that opens an inline module, all of it where
/// there is none.
pub(super) fn product_code(text: &str) -> String {
    let code = code(text);
    let mut from = 0;
    while let Some(found) = code.get(from..).and_then(|rest| rest.find("#[cfg(test)]")) {
        let (before, rest) = code.split_at(from + found);
        let opened = rest.split(['{', ';']).next().unwrap_or_default();
        if opened.contains("mod ") && rest.get(opened.len()..).is_some_and(|tail| tail.starts_with('{')) {
            return before.to_owned();
        }
        from += found + 1;
    }
    code
}

/// Every path of two segments and more in `code`, and every `use`.
pub(super) fn named_paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut reader = Reader { tokens: &tokens, at: 0, named: Vec::new() };
    reader.read();
    reader.named
}

fn only(text: &str, wanted: Kind) -> String {
    let mut kept = String::with_capacity(text.len());
    each_kind(text, |c, kind| kept.push(if c == '\n' || kind == wanted { c } else { ' ' }));
    kept
}

fn each_kind(text: &str, mut emit: impl FnMut(char, Kind)) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (len, kind) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), Kind::Comment)
        } else if rest.starts_with("/*") {
            (block_comment(rest), Kind::Comment)
        } else if let Some(len) = raw_string(rest) {
            (len, Kind::Literal)
        } else if first == '"' {
            (quoted(rest, '"'), Kind::Literal)
        } else if first == '\'' {
            character(rest)
        } else {
            // A whole word, so that its last letter is not taken for the `r` of a raw string.
            (rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()).max(first.len_utf8()), Kind::Code)
        };
        let (now, later) = rest.split_at(len);
        now.chars().for_each(|c| emit(c, kind));
        rest = later;
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let (fence, body) = after.split_at(hashes);
    let body = body.strip_prefix('"')?;
    let end = format!("\"{fence}");
    let len = body.find(&end).map_or(body.len(), |found| found + end.len());
    Some(text.len() - body.len() + len)
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A character literal, or the tick of a lifetime.
fn character(text: &str) -> (usize, Kind) {
    let mut following = text.chars().skip(1);
    match (following.next(), following.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => (quoted(text, '\''), Kind::Literal),
        _ => (1, Kind::Code),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words, `::`, and every other character that is not white space, each with its line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = if is_word(first) {
                rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (token, later) = rest.split_at(len);
            tokens.push((index + 1, token));
            rest = later.trim_start();
        }
    }
    tokens
}

struct Reader<'a> {
    tokens: &'a [(usize, &'a str)],
    at: usize,
    named: Vec<Named>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) {
        let mut exported = false;
        while let Some(token) = self.peek() {
            match token {
                "pub" => exported = true,
                ";" | "{" | "}" => exported = false,
                "use" => {
                    self.at += 1;
                    self.tree("", exported);
                    continue;
                }
                word if word.starts_with(is_word) && self.peek_at(1) == Some("::") => {
                    self.path();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// `a::b::c` outside of `use`, up to its last word.
    fn path(&mut self) {
        let line = self.line();
        let mut segments = Vec::new();
        while let Some(word) = self.peek().filter(|token| token.starts_with(is_word)) {
            segments.push(word);
            self.at += 1;
            if self.peek() != Some("::") {
                break;
            }
            self.at += 1;
        }
        self.named.push(Named { line, path: segments.join("::"), exported: false });
    }

    /// What follows `use`, or a `{` or `,` within it.
    fn tree(&mut self, prefix: &str, exported: bool) {
        let line = self.line();
        let mut path = prefix.to_owned();
        while let Some(token) = self.peek() {
            match token {
                "::" => {}
                "{" => {
                    self.at += 1;
                    while !matches!(self.peek(), None | Some("}")) {
                        self.tree(&path, exported);
                        if self.peek() == Some(",") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => self.at += 1,
                "," | "}" | ";" => break,
                "self" if !path.is_empty() && !path.ends_with("super") => {}
                segment => {
                    if !path.is_empty() {
                        path.push_str("::");
                    }
                    path.push_str(segment);
                }
            }
            self.at += 1;
        }
        self.named.push(Named { line, path, exported });
    }

    fn peek(&self) -> Option<&'a str> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&'a str> {
        self.tokens.get(self.at + ahead).map(|(_, token)| *token)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |(line, _)| *line)
    }
}
