//! Passes over the content of a message, in pieces and with holes.

use crate::http::event::Lost;

/// Content, as far as it has not gone by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are left; never 0.
    Length(u64),
    /// Chunks (RFC 9112, section 7.1).
    Chunked(Chunks),
    /// Everything until the connection is closed.
    UntilClose,
}

/// Where in chunked content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    place: Place,
    /// Bytes of this line, or of all trailers.
    line: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// In a chunk's size; no digit has come.
    #[default]
    Size,
    /// In a chunk's size.
    SizeSoFar(u64),
    /// Between the size and the end of the line.
    Extension(u64),
    /// In a chunk's data.
    Data(u64),
    /// Behind the data: the end of the line is to come.
    AfterData,
    /// At the beginning of a trailer line.
    Trailers,
    /// After a carriage return at the beginning of a trailer line.
    TrailersReturn,
    /// In a trailer line.
    Trailer,
}

/// What became of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// It goes on.
    All,
    /// It ended after so many bytes.
    Ended(usize),
}

impl Body {
    /// Passes over these bytes.
    ///
    /// # Errors
    /// Chunks that are none, or whose extensions or trailers are longer than `longest` bytes.
    pub(super) fn push(&mut self, bytes: &[u8], longest: usize) -> Result<Passed, Lost> {
        match self {
            Self::Length(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                Ok(if *left == 0 { Passed::Ended(taken) } else { Passed::All })
            }
            Self::Chunked(chunks) => chunks.push(bytes, longest),
            Self::UntilClose => Ok(Passed::All),
        }
    }

    /// Passes over so many bytes that were not seen, where they cannot matter. `Some(true)` says that the content ended
    /// with the last of them. `None` says that it is not known any more where in the content one is, or what follows it.
    pub(super) fn skip(&mut self, bytes: u64) -> Option<bool> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(bytes)?;
                Some(*left == 0)
            }
            Self::Chunked(Chunks { place: place @ Place::Data(_), .. }) => {
                let Place::Data(left) = *place else { return None };
                *place = match left.checked_sub(bytes)? {
                    0 => Place::AfterData,
                    left => Place::Data(left),
                };
                Some(false)
            }
            Self::Chunked(_) => None,
            Self::UntilClose => Some(false),
        }
    }
}

impl Chunks {
    fn push(&mut self, bytes: &[u8], longest: usize) -> Result<Passed, Lost> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if let Place::Data(left) = self.place {
                let taken = (bytes.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                at += taken;
                let left = left - taken as u64;
                self.place = if left == 0 { Place::AfterData } else { Place::Data(left) };
                continue;
            }
            at += 1;
            self.line += 1;
            if self.line > longest {
                return Err(Lost::TooLong);
            }
            match self.step(*byte) {
                Some(false) => {}
                Some(true) => return Ok(Passed::Ended(at)),
                None => return Err(Lost::Malformed),
            }
        }
        Ok(Passed::All)
    }

    /// One byte that is no data. Says whether it was the last one, `None` where it cannot stand here. A line feed ends a
    /// line without a carriage return, too: many take it.
    fn step(&mut self, byte: u8) -> Option<bool> {
        self.place = match (self.place, byte) {
            (Place::Size, _) => Place::SizeSoFar(digit(byte)?),
            (Place::SizeSoFar(size) | Place::Extension(size), b'\n') => self.data(size),
            (Place::SizeSoFar(size), _) => match digit(byte) {
                Some(digit) => Place::SizeSoFar(size.checked_mul(16)?.checked_add(digit)?),
                None if matches!(byte, b';' | b' ' | b'\t' | b'\r') => Place::Extension(size),
                None => return None,
            },
            (Place::Extension(size), _) => Place::Extension(size),
            (Place::AfterData, b'\r') => Place::AfterData,
            (Place::AfterData, b'\n') => {
                self.line = 0;
                Place::Size
            }
            (Place::Trailers | Place::TrailersReturn, b'\n') => return Some(true),
            (Place::Trailers, b'\r') => Place::TrailersReturn,
            (Place::Trailer, b'\n') => Place::Trailers,
            (Place::Trailers | Place::TrailersReturn | Place::Trailer, _) => Place::Trailer,
            (Place::AfterData | Place::Data(_), _) => return None,
        };
        Some(false)
    }

    /// What follows a chunk's line: the last chunk has no data but trailers.
    fn data(&mut self, size: u64) -> Place {
        self.line = 0;
        if size == 0 { Place::Trailers } else { Place::Data(size) }
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_where_they_end() {
        let rows: &[(&str, Option<&str>, &str)] = &[
            ("0\r\n\r\nGET", Some("GET"), "the last chunk and no trailers"),
            ("3\r\nabc\r\n0\r\n\r\n", Some(""), "one chunk"),
            (
                "A\r\n0123456789\r\na;x=\"y\"\r\n0123456789\r\n00\r\n\r\n1",
                Some("1"),
                "extensions, either case, zeros before",
            ),
            ("5\r\n0\r\n\r\n\r\n0\r\n\r\n1", Some("1"), "data that looks like an end"),
            ("0\r\nA: b\r\nC: d\r\n\r\n1", Some("1"), "trailers (section 7.1.2)"),
            ("3\nabc\n0\n\n1", Some("1"), "line feeds alone (section 2.2)"),
            ("3 \r\nabc\r\n0\r\n\r\n1", Some("1"), "white space after the size, as some servers write"),
            ("3\r\nabcd\r\n", None, "more data than the size says"),
            ("\r\n", None, "no size"),
            ("g\r\n", None, "no hexadecimal digit"),
            ("-1\r\n", None, "no sign"),
            ("0x1\r\n", None, "no prefix"),
            ("10000000000000000\r\n", None, "does not fit"),
        ];
        for (text, rest, reason) in rows {
            let mut body = Body::Chunked(Chunks::default());
            let passed = body.push(text.as_bytes(), 100);
            match rest {
                Some(rest) => assert_eq!(passed, Ok(Passed::Ended(text.len() - rest.len())), "{reason}"),
                None => assert_eq!(passed, Err(Lost::Malformed), "{reason}"),
            }
        }
    }

    #[test]
    fn lines_between_chunks_are_bounded() {
        for text in [format!("1;{}", "x".repeat(200)), format!("0\r\n{}", "a: b\r\n".repeat(50)), "0".repeat(101)] {
            let mut body = Body::Chunked(Chunks::default());
            assert_eq!(body.push(text.as_bytes(), 100), Err(Lost::TooLong), "{text}");
        }
    }

    #[test]
    fn holes_are_passed_over_where_they_cannot_matter() {
        let chunked = |seen: &str| {
            let mut body = Body::Chunked(Chunks::default());
            assert_eq!(body.push(seen.as_bytes(), 100), Ok(Passed::All));
            body
        };
        let rows: &[(Body, u64, Option<bool>, &str)] = &[
            (Body::Length(10), 9, Some(false), "within"),
            (Body::Length(10), 10, Some(true), "to the end"),
            (Body::Length(10), 11, None, "beyond the end"),
            (Body::UntilClose, u64::MAX, Some(false), "there is no end but the connection's"),
            (chunked("a\r\n0"), 8, Some(false), "within a chunk's data"),
            (chunked("a\r\n0"), 9, Some(false), "to the end of a chunk's data"),
            (chunked("a\r\n0"), 10, None, "into the line after it"),
            (chunked("a"), 1, None, "in a chunk's size"),
            (chunked("0\r\n"), 1, None, "in trailers"),
        ];
        for (body, bytes, expected, reason) in rows {
            assert_eq!(body.clone().skip(*bytes), *expected, "{reason}");
        }
    }
}
