//! Where the content of a message ends (RFC 9112, section 6.3).

use super::body::{Body, Chunks};

/// The fields that say how long the content is, while they are read.
#[derive(Debug, Default)]
pub(super) struct Framing {
    length: Length,
    coding: Coding,
    /// Whether `Upgrade` names `h2c`.
    pub(super) names_http2: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Length {
    #[default]
    Absent,
    Is(u64),
    /// Several that differ, or none that is a number.
    Invalid,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    /// The last coding is `chunked`.
    Chunked,
    Other,
}

/// What follows a head.
#[derive(Debug)]
pub(super) enum Content {
    Absent,
    Follows(Body),
    /// It cannot be known where it ends.
    Unknown,
}

impl Framing {
    /// Takes a field, if it is one of these.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.len() {
            7 if is("upgrade") => self.names_http2 |= members(value).any(|name| name.eq_ignore_ascii_case(b"h2c")),
            14 if is("content-length") => members(value).for_each(|member| self.take_length(member)),
            17 if is("transfer-encoding") => {
                for member in members(value) {
                    let chunked = member.eq_ignore_ascii_case(b"chunked");
                    self.coding = if chunked { Coding::Chunked } else { Coding::Other };
                }
            }
            _ => {}
        }
    }

    /// Equal values count once (rule 5).
    fn take_length(&mut self, member: &[u8]) {
        self.length = match (self.length, number(member)) {
            (Length::Absent, Some(new)) => Length::Is(new),
            (Length::Is(old), Some(new)) if old == new => Length::Is(old),
            _ => Length::Invalid,
        };
    }

    /// Rules 3 to 7 for a request. With HTTP/1.0 a transfer coding is faulty (section 6.1).
    pub(super) fn of_request(&self, is_http10: bool) -> Content {
        match (self.coding, self.length) {
            (Coding::Chunked, _) if !is_http10 => Content::Follows(Body::Chunked(Chunks::default())),
            (Coding::Absent, Length::Absent | Length::Is(0)) => Content::Absent,
            (Coding::Absent, Length::Is(length)) => Content::Follows(Body::Length(length)),
            _ => Content::Unknown,
        }
    }

    /// Rules 3 to 8 for an answer that may have content.
    pub(super) fn of_response(&self, is_http10: bool) -> Content {
        match (self.coding, self.length) {
            (Coding::Chunked, _) if !is_http10 => Content::Follows(Body::Chunked(Chunks::default())),
            (Coding::Chunked | Coding::Other, _) | (Coding::Absent, Length::Absent) => {
                Content::Follows(Body::UntilClose)
            }
            (Coding::Absent, Length::Is(0)) => Content::Absent,
            (Coding::Absent, Length::Is(length)) => Content::Follows(Body::Length(length)),
            (Coding::Absent, Length::Invalid) => Content::Unknown,
        }
    }
}

/// The members of a list (RFC 9110, section 5.6.1), without parameters.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let member = |part: &'_ [u8]| part.iter().position(|byte| *byte == b';').unwrap_or(part.len());
    let bare = value.split(|byte| *byte == b',').map(move |part| part.get(..member(part)).unwrap_or(part));
    bare.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}
