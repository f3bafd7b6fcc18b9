//! Finds where a head ends, in pieces, and holds no more of it than it must.

use memchr::memchr;

use crate::http::wipe;

/// The head that is being read.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// What came in earlier pieces. Empty while a head comes in one.
    held: Vec<u8>,
    line: Line,
}

/// What the line that is being read has so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Nothing,
    Return,
    Something,
}

/// What a piece brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned<'a> {
    /// Not the end.
    More,
    /// The end: the whole head, the empty line included, and how many bytes of the piece belong to it.
    Head(&'a [u8], usize),
    /// More bytes than are looked at.
    TooLong,
}

impl Scanner {
    /// Whether nothing of a head has come.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// What has come so far of a head that does not go on.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Looks for the empty line that ends a head (RFC 9112, section 2.1); a line feed alone ends a line, too (section
    /// 2.2). [`Scanner::wipe`] must follow unless more is to come.
    pub(super) fn push<'a>(&'a mut self, bytes: &'a [u8], longest: usize) -> Scanned<'a> {
        let room = longest.saturating_sub(self.held.len());
        let near = bytes.get(..room).unwrap_or(bytes);
        match self.end(near) {
            Some(end) if self.held.is_empty() => Scanned::Head(near.get(..end).unwrap_or_default(), end),
            Some(end) => {
                self.held.extend_from_slice(near.get(..end).unwrap_or_default());
                Scanned::Head(&self.held, end)
            }
            None => {
                self.held.extend_from_slice(near);
                if self.held.len() < longest { Scanned::More } else { Scanned::TooLong }
            }
        }
    }

    /// Forgets what it holds, and leaves nothing of it in memory.
    pub(super) fn wipe(&mut self) {
        self.line = Line::Nothing;
        wipe(std::mem::take(&mut self.held));
    }

    /// Where the first empty line ends.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut start = 0;
        while let Some(line) = bytes.get(start..).filter(|line| !line.is_empty()) {
            let feed = memchr(b'\n', line);
            let content = feed.and_then(|feed| line.get(..feed)).unwrap_or(line);
            self.line = match (self.line, content) {
                (line, []) => line,
                (Line::Nothing, [b'\r']) => Line::Return,
                _ => Line::Something,
            };
            start += feed? + 1;
            if self.line != Line::Something {
                return Some(start);
            }
            self.line = Line::Nothing;
        }
        None
    }
}
