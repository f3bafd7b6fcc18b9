//! The `traceparent` header: reading it and writing it.
//!
//! Refuses whatever the specification lets a receiver refuse, each time with a named reason; repairs nothing, pads
//! nothing, allocates nothing. Source: W3C Trace Context Level 2, section 3.2.

use super::ids::{Flags, SpanId, TraceId};

/// The length of a version 00 header in bytes, and the shortest that any version can have.
pub const LENGTH: usize = 55;

/// A `traceparent` that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub parent_id: SpanId,
    /// The flags as received, unknown bits included.
    pub flags: Flags,
    /// The version as received: 0 to 254.
    pub version: u8,
}

/// Why a `traceparent` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraceparentError {
    /// More than one header line: which of them is meant cannot be known.
    #[error("several traceparent lines: send exactly one")]
    SeveralLines,
    /// Nothing but white space.
    #[error("the value is empty: leave the header out instead")]
    Empty,
    /// Fewer than 55 characters.
    #[error("shorter than 55 characters: ids are padded with zeros on the left by their sender, never shortened")]
    TooShort,
    /// No `-` after a field.
    #[error("a dash is missing where a field of fixed length ends: the lengths are 2, 32, 16 and 2")]
    MissingDash,
    /// An upper-case hexadecimal digit.
    #[error("upper-case hexadecimal digit: only 0-9 and a-f are allowed")]
    UpperCase,
    /// Something else than a hexadecimal digit in a field.
    #[error("not a hexadecimal digit: only 0-9 and a-f are allowed")]
    NotHex,
    /// Version ff, which is forbidden.
    #[error("version ff is forbidden: send 00")]
    VersionFf,
    /// Version 00 with more than 55 characters.
    #[error("version 00 ends after 55 characters: remove what follows")]
    TrailingData,
    /// A higher version whose 56th character is not a dash.
    #[error("after the flags a higher version goes on with a dash, or ends")]
    BadExtension,
    /// A trace id of zeros.
    #[error("the trace id is all zero, which means that there is none: make a random one")]
    ZeroTraceId,
    /// A parent id of zeros.
    #[error("the parent id is all zero, which means that there is none: send the id of the caller's span")]
    ZeroParentId,
}

crate::label!(TraceparentError {
    SeveralLines => "several_lines",
    Empty => "empty",
    TooShort => "too_short",
    MissingDash => "missing_dash",
    UpperCase => "upper_case",
    NotHex => "not_hex",
    VersionFf => "version_ff",
    TrailingData => "trailing_data",
    BadExtension => "bad_extension",
    ZeroTraceId => "zero_trace_id",
    ZeroParentId => "zero_parent_id",
});

/// What a request said about its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// No `traceparent` line.
    Absent,
    /// One that cannot be used, or several.
    Invalid(TraceparentError),
    /// One that can.
    Valid(Traceparent),
}

/// A reason, and the offset in bytes of the offending place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: TraceparentError,
    pub(crate) at: usize,
}

impl Incoming {
    /// Reads all `traceparent` header lines of one request.
    pub fn extract<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut lines = lines.into_iter();
        let Some(line) = lines.next() else { return Self::Absent };
        if lines.next().is_some() {
            return Self::Invalid(TraceparentError::SeveralLines);
        }
        match Traceparent::parse(line) {
            Ok(traceparent) => Self::Valid(traceparent),
            Err(reason) => Self::Invalid(reason),
        }
    }

    /// The context, if it can be used.
    #[must_use]
    pub const fn valid(&self) -> Option<&Traceparent> {
        match self {
            Self::Valid(traceparent) => Some(traceparent),
            Self::Absent | Self::Invalid(_) => None,
        }
    }
}

impl Traceparent {
    /// Reads one header value. Spaces and tabs around it are optional white space.
    ///
    /// # Errors
    /// The first reason found, reading from the left.
    pub fn parse(value: &[u8]) -> Result<Self, TraceparentError> {
        Self::locate(trim(value)).map_err(|fault| fault.reason)
    }

    /// The header value: version 00, lower-case, known flags only.
    #[must_use]
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut out = [b'-'; LENGTH];
        let mut digits = out.iter_mut();
        let mut field = |bytes: &[u8]| {
            for byte in bytes {
                for nibble in [byte >> 4, byte & 0x0f] {
                    if let Some(digit) = digits.next() {
                        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                    }
                }
            }
            digits.next();
        };
        field(&[0]);
        field(self.trace_id.bytes());
        field(self.parent_id.bytes());
        field(&[self.flags.known().byte()]);
        out
    }

    /// As [`Traceparent::parse`] on a trimmed value, with the offset of the offending place.
    pub(crate) fn locate(value: &[u8]) -> Result<Self, Fault> {
        if value.len() < LENGTH {
            let reason = if value.is_empty() { TraceparentError::Empty } else { TraceparentError::TooShort };
            return Err(Fault { reason, at: value.len() });
        }
        let mut reader = Reader { rest: value, at: 0 };
        let [version] = reader.field::<2, 1>()?;
        if version == 0xff {
            return Err(Fault { reason: TraceparentError::VersionFf, at: 0 });
        }
        reader.dash(TraceparentError::MissingDash)?;
        let trace_at = reader.at;
        let trace_id = reader.field::<32, 16>()?;
        reader.dash(TraceparentError::MissingDash)?;
        let parent_at = reader.at;
        let parent_id = reader.field::<16, 8>()?;
        reader.dash(TraceparentError::MissingDash)?;
        let [flags] = reader.field::<2, 1>()?;
        if !reader.rest.is_empty() {
            if version == 0 {
                return Err(Fault { reason: TraceparentError::TrailingData, at: reader.at });
            }
            reader.dash(TraceparentError::BadExtension)?;
        }
        let trace_id =
            TraceId::from_bytes(trace_id).ok_or(Fault { reason: TraceparentError::ZeroTraceId, at: trace_at })?;
        let parent_id =
            SpanId::from_bytes(parent_id).ok_or(Fault { reason: TraceparentError::ZeroParentId, at: parent_at })?;
        Ok(Self { trace_id, parent_id, flags: Flags::from_byte(flags), version })
    }
}

/// The value without optional white space (RFC 9110, section 5.6.3) around it.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// What is left to read, and how far reading has come.
struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// `DIGITS` hexadecimal digits, which are `BYTES` bytes. A dash among them is a field that is too short.
    fn field<const DIGITS: usize, const BYTES: usize>(&mut self) -> Result<[u8; BYTES], Fault> {
        let short = Fault { reason: TraceparentError::TooShort, at: self.at };
        let (digits, rest) = self.rest.split_first_chunk::<DIGITS>().ok_or(short)?;
        let mut bytes = [0; BYTES];
        let (pairs, _) = digits.as_chunks::<2>();
        let mut bad = false;
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = (nibble(*high), nibble(*low));
            bad |= (high | low) > 0x0f;
            *byte = high << 4 | low & 0x0f;
        }
        if bad {
            return Err(self.bad_digit(digits));
        }
        self.rest = rest;
        self.at += DIGITS;
        Ok(bytes)
    }

    /// One dash.
    fn dash(&mut self, reason: TraceparentError) -> Result<(), Fault> {
        let [b'-', rest @ ..] = self.rest else { return Err(Fault { reason, at: self.at }) };
        self.rest = rest;
        self.at += 1;
        Ok(())
    }

    #[cold]
    fn bad_digit(&self, digits: &[u8]) -> Fault {
        let offset = digits.iter().position(|&digit| nibble(digit) > 0x0f).unwrap_or_default();
        let reason = match digits.get(offset) {
            Some(b'A'..=b'F') => TraceparentError::UpperCase,
            Some(b'-') => TraceparentError::MissingDash,
            _ => TraceparentError::NotHex,
        };
        Fault { reason, at: self.at + offset }
    }
}

/// The value of a lower-case hexadecimal digit, or 255.
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0xff,
    }
}

#[cfg(test)]
mod tests;
