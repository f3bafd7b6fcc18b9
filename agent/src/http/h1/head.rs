//! Reads a head whose bytes are all there (RFC 9112, sections 2 to 5).

use std::borrow::Cow;

use memchr::memchr;

use super::framing::Framing;
use crate::http::head::{Fields, RequestHead, RequestLine, ResponseHead, Version};
use crate::http::recognise::is_token;

/// Reads a request's head. `None` where its line is none. Of a head that was cut off, the last line is left out.
pub(super) fn request(bytes: &[u8], is_cut: bool) -> Option<(RequestHead, Framing)> {
    let (line, rest) = start_line(bytes)?;
    let line = request_line(line)?;
    let (mut fields, mut framing) = (Fields::default(), Framing::default());
    each_field(rest, |name, value| {
        fields.take(name, value);
        framing.take(name, value);
    });
    Some((fields.into_head(&line, is_cut), framing))
}

/// Reads an answer's head. `None` where its line is none.
pub(super) fn response(bytes: &[u8]) -> Option<(ResponseHead, Framing)> {
    let (line, rest) = start_line(bytes)?;
    let head = status_line(line)?;
    let mut framing = Framing::default();
    each_field(rest, |name, value| framing.take(name, value));
    Some((head, framing))
}

fn start_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Method, target and version lie between the first and the last white space (section 3); a target with white space in it
/// is passed on by some servers.
fn request_line(line: &[u8]) -> Option<RequestLine<'_>> {
    let line = line.trim_ascii_end();
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let method = line.get(..line.iter().position(is_space)?)?;
    let rest = line.get(method.len()..)?;
    let version_at = rest.iter().rposition(is_space)?;
    let target = rest.get(..version_at)?.trim_ascii();
    let good = !method.is_empty() && method.iter().all(|byte| is_token(*byte)) && !target.is_empty();
    good.then_some(RequestLine { method, target, version: version(rest.get(version_at + 1..)?)?, authority: None })
}

/// The reason may be absent, and so may the space before it (section 4).
fn status_line(line: &[u8]) -> Option<ResponseHead> {
    let mut parts = line.trim_ascii_end().split(|byte| *byte == b' ').filter(|part| !part.is_empty());
    let version = version(parts.next()?)?;
    let [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = parts.next()? else { return None };
    let digit = |digit: &u8| u16::from(digit - b'0');
    Some(ResponseHead { status: digit(hundreds) * 100 + digit(tens) * 10 + digit(ones), version })
}

/// Section 2.3. The name is case-sensitive.
fn version(bytes: &[u8]) -> Option<Version> {
    match bytes.strip_prefix(b"HTTP/1.")? {
        b"0" => Some(Version::Http10),
        [b'1'..=b'9'] => Some(Version::Http11),
        _ => None,
    }
}

/// Each field line with its continuations (section 5.2). What is no field line is left out, and so is a line that has no
/// end.
fn each_field(mut rest: &[u8], mut field: impl FnMut(&[u8], &[u8])) {
    while let Some(end) = line_end(rest) {
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = after;
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
        if !name.is_empty() && name.iter().all(|byte| is_token(*byte)) {
            field(name, &unfold(value.trim_ascii()));
        }
    }
}

/// Where the first line ends, and all lines that continue it.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        end += memchr(b'\n', bytes.get(end..)?)? + 1;
        if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
            return Some(end);
        }
    }
}

/// A line end and the white space around it are one space.
fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut joined = Vec::with_capacity(value.len());
    for line in value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if !joined.is_empty() {
            joined.push(b' ');
        }
        joined.extend_from_slice(line);
    }
    Cow::Owned(joined)
}
