//! A command line: `/proc/PID/cmdline` (proc_pid_cmdline(5)). Pure.

/// Bytes of the file that are read: class paths are long, and what runs stands behind them.
pub(super) const MAX_READ: usize = 64 << 10;
/// Words that are looked at.
const MAX_WORDS: usize = 2048;
/// Bytes of the text that is kept.
const MAX_TEXT: usize = 4096;

/// The words of a command line. Control characters stay; what is not UTF-8 is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    words: Vec<String>,
}

impl Command {
    /// Words end at NUL. A program that overwrote its words with one sentence (`nginx: worker process`, as setproctitle
    /// does) has that sentence as its only word.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MAX_READ).unwrap_or(bytes);
        // Overwritten lines end with the NULs that were left of the longer one.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let words = bytes.get(..end).unwrap_or_default().split(|byte| *byte == 0).take(MAX_WORDS);
        let words: Vec<String> = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        Self { words: if end == 0 { Vec::new() } else { words } }
    }

    /// All of them, the program's name first.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// All words with a space between them; at most 4096 bytes.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (at, word) in self.words.iter().enumerate() {
            if at > 0 {
                text.push(' ');
            }
            let room = MAX_TEXT.saturating_sub(text.len());
            text.push_str(word.get(..word.floor_char_boundary(room)).unwrap_or_default());
            if text.len() >= MAX_TEXT || word.len() > room {
                break;
            }
        }
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text
    }

    /// The sentence that a program wrote over its command line, in place of words.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        match self.words.as_slice() {
            [only] if only.contains(' ') => Some(only.trim_end()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let rows: [(&[u8], &[&str], &str); 8] = [
            (b"python\0app.py\0", &["python", "app.py"], "two words"),
            (b"sh\0-c\0\0x\0", &["sh", "-c", "", "x"], "an empty word"),
            (b"", &[], "a thread of the kernel, or a process that has ended"),
            (b"\0\0\0", &[], "overwritten with nothing"),
            (b"nginx: worker process\0\0\0\0", &["nginx: worker process"], "overwritten"),
            (b"cut", &["cut"], "without its end"),
            (b"a\x01\nb\0", &["a\u{1}\nb"], "control characters"),
            (b"a\xff\0", &["a\u{fffd}"], "not UTF-8"),
        ];
        for (bytes, words, reason) in rows {
            assert_eq!(Command::parse(bytes).words(), words, "{reason}");
        }
    }

    #[test]
    fn nothing_grows_without_bound() {
        let many = Command::parse(&b"ab\0".repeat(100_000));
        assert_eq!(many.words().len(), MAX_WORDS);
        assert!(many.text().len() <= MAX_TEXT && many.text().starts_with("ab ab ab"));
        let long = Command::parse(&vec![b'x'; 1 << 20]);
        assert_eq!((long.words().len(), long.text().len()), (1, MAX_TEXT));
        let wide = Command::parse("ä".repeat(5_000).as_bytes());
        assert!(wide.text().len() <= MAX_TEXT && wide.text().chars().all(|letter| letter == 'ä'));
    }

    #[test]
    fn a_title_is_told_from_words() {
        assert_eq!(Command::parse(b"gunicorn: worker [app:app]\0\0").title(), Some("gunicorn: worker [app:app]"));
        for words in [&b"python\0app.py\0"[..], b"nginx\0", b""] {
            assert_eq!(Command::parse(words).title(), None);
        }
    }
}
