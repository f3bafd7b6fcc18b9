//! The `tracestate` header: checked and searched for the mark in one pass, without allocation.
//!
//! Never rewrites a member: a tracestate is sent on byte for byte or not at all. Any length is accepted. Source: W3C
//! Trace Context Level 2, section 3.3, with the key grammar of its 2026 text: one rule for all keys, `@` anywhere
//! but first. A key twice is no fault: uniqueness binds who adds an entry (section 3.5), and we add none.

use super::marker::Marker;
use super::traceparent::trim;

/// Members in one list at most; empty ones are not counted, since joining empty header lines makes them.
pub const MAX_MEMBERS: usize = 32;
/// Characters in a key or a value at most.
pub const MAX_TEXT: usize = 256;

/// Why a `tracestate` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TracestateError {
    /// More than 32 members.
    #[error("more than 32 members")]
    TooManyMembers,
    /// A member without `=`.
    #[error("a member without '=': members are key=value")]
    MissingEquals,
    /// Nothing before the `=`.
    #[error("an empty key")]
    EmptyKey,
    /// A key of more than 256 characters.
    #[error("a key of more than 256 characters")]
    KeyTooLong,
    /// A key that does not begin with `a`-`z` or `0`-`9`, or has a character outside of `a`-`z 0`-`9 _ - * / @`.
    #[error("a key with a character that is not allowed: keys begin with a-z or 0-9 and go on with a-z 0-9 _ - * / @")]
    BadKey,
    /// Nothing after the `=`, or only white space.
    #[error("an empty value")]
    EmptyValue,
    /// A value of more than 256 characters.
    #[error("a value of more than 256 characters")]
    ValueTooLong,
    /// A value with a character that is not printable ASCII, or with a second `=`.
    #[error("a value with a character that is not allowed: printable ASCII without ',' and '='")]
    BadValue,
}

crate::label!(TracestateError {
    TooManyMembers => "too_many_members",
    MissingEquals => "missing_equals",
    EmptyKey => "empty_key",
    KeyTooLong => "key_too_long",
    BadKey => "bad_key",
    EmptyValue => "empty_value",
    ValueTooLong => "value_too_long",
    BadValue => "bad_value",
});

/// What was found in the `tracestate` lines of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// The number of members, empty ones left out, or why the list cannot be used.
    pub validity: Result<usize, TracestateError>,
    /// Whether a member is the mark. Never in a list that cannot be used.
    pub marked: bool,
    /// Whether there was a header line at all.
    pub present: bool,
}

/// One member of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The system, for example `checkly`, or tenant and system, for example `acme@rojo`.
    pub key: &'a [u8],
    /// Opaque. Leading spaces belong to it, trailing ones do not.
    pub value: &'a [u8],
}

impl Inspection {
    /// What a request without `tracestate` gives.
    pub const ABSENT: Self = Self { validity: Ok(0), marked: false, present: false };
}

/// Checks all `tracestate` header lines of one request, in their order, and looks for the mark.
pub fn inspect<'a>(lines: impl IntoIterator<Item = &'a [u8]>, marker: &Marker) -> Inspection {
    let mut lines = lines.into_iter();
    let Some(first) = lines.next() else { return Inspection::ABSENT };
    let mut list = List { count: 0, marked: false };
    let outcome = list.read(first, marker).and_then(|()| lines.try_for_each(|line| list.read(line, marker)));
    Inspection { validity: outcome.map(|()| list.count), marked: outcome.is_ok() && list.marked, present: true }
}

/// Appends the lines joined by `,`: what they mean as one (RFC 9110, section 5.3). Values stay byte for byte.
pub fn write_joined<'a>(lines: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (place, line) in lines.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(line);
    }
}

/// The members of one line, white space around them removed, empty ones left out.
pub fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

impl<'a> Member<'a> {
    /// Reads one member, without white space around it.
    ///
    /// # Errors
    /// The first reason found, reading from the left.
    pub fn parse(member: &'a [u8]) -> Result<Self, TracestateError> {
        let equals = member.iter().position(|&byte| byte == b'=').ok_or(TracestateError::MissingEquals)?;
        let (key, value) = member.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        match key {
            [] => return Err(TracestateError::EmptyKey),
            [b'a'..=b'z' | b'0'..=b'9', rest @ ..] if rest.iter().all(|&byte| is_key_byte(byte)) => {}
            _ => return Err(TracestateError::BadKey),
        }
        if key.len() > MAX_TEXT {
            return Err(TracestateError::KeyTooLong);
        }
        if value.is_empty() {
            return Err(TracestateError::EmptyValue);
        }
        if !value.iter().all(|&byte| is_value_byte(byte)) {
            return Err(TracestateError::BadValue);
        }
        if value.len() > MAX_TEXT {
            return Err(TracestateError::ValueTooLong);
        }
        Ok(Self { key, value })
    }
}

/// The list read so far.
struct List {
    count: usize,
    marked: bool,
}

impl List {
    fn read(&mut self, line: &[u8], marker: &Marker) -> Result<(), TracestateError> {
        members(line).try_for_each(|member| {
            let member = Member::parse(member)?;
            if self.count == MAX_MEMBERS {
                return Err(TracestateError::TooManyMembers);
            }
            self.count += 1;
            self.marked |= marker.matches_member(&member);
            Ok(())
        })
    }
}

/// `keychar`, section 3.3.1.3.1.
const fn is_key_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@')
}

/// `chr`, section 3.3.1.3.2; that the last one is no space follows from trimming.
const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x2b | 0x2d..=0x3c | 0x3e..=0x7e)
}

#[cfg(test)]
mod tests;
