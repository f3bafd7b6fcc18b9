//! Heads of requests and answers, whatever version of HTTP they came with.

use std::sync::Arc;

use crate::trace::monitor::is_monitor;

/// Bytes of a method that are kept.
pub const MAX_METHOD: usize = 32;
/// Bytes of a host that are kept.
pub const MAX_HOST: usize = 255;

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and later minor versions (RFC 9110, section 6.2).
    Http11,
    /// HTTP/2.
    Http2,
}

/// What is kept of a request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// As sent; at most [`MAX_METHOD`] bytes.
    pub method: Box<str>,
    /// The request target as sent, query included: redact it before it is kept. Bytes that are no UTF-8 are replaced.
    pub target: Box<str>,
    /// The version it was sent with.
    pub version: Version,
    /// `:authority`, the authority of a target in absolute form, or `Host`: the first of these that is there, at most
    /// [`MAX_HOST`] bytes.
    pub host: Option<Box<str>>,
    /// The `traceparent` lines in order, without white space around them.
    pub traceparent: Vec<Arc<str>>,
    /// The `tracestate` lines in order, without white space around them.
    pub tracestate: Vec<Arc<str>>,
    /// Whether `Via`, `Forwarded` or `X-Forwarded-For` is there.
    pub is_relayed: bool,
    /// Whether `User-Agent` names a synthetic monitor.
    pub is_synthetic: bool,
    /// Whether the end of the head is missing: fields may be, too. [`Event::Lost`](super::Event::Lost) follows.
    pub is_cut: bool,
}

/// What is kept of an answer's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead {
    /// 200 to 999.
    pub status: u16,
    /// The version it was sent with.
    pub version: Version,
}

/// What is kept of a request's fields, while they are read.
#[derive(Debug, Default)]
pub(super) struct Fields {
    host: Option<Box<str>>,
    traceparent: Vec<Arc<str>>,
    tracestate: Vec<Arc<str>>,
    is_relayed: bool,
    is_synthetic: bool,
}

impl Fields {
    /// Takes a field, if it is one that is kept. White space around the value does not belong to it (RFC 9110, section
    /// 5.5).
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.len() {
            3 if is("via") => self.is_relayed = true,
            4 if is("host") && self.host.is_none() => self.host = Some(short(value.trim_ascii(), MAX_HOST)),
            9 if is("forwarded") => self.is_relayed = true,
            10 if is("tracestate") => self.tracestate.push(line(value)),
            10 if is("user-agent") => self.is_synthetic |= is_monitor(value),
            11 if is("traceparent") => self.traceparent.push(line(value)),
            15 if is("x-forwarded-for") => self.is_relayed = true,
            _ => {}
        }
    }

    /// The head that these fields belong to.
    pub(super) fn into_head(self, line: &RequestLine<'_>, is_cut: bool) -> RequestHead {
        let authority = line.authority.or_else(|| authority(line.method, line.target));
        RequestHead {
            method: short(line.method, MAX_METHOD),
            target: String::from_utf8_lossy(line.target).into(),
            version: line.version,
            host: authority.map(|authority| short(authority, MAX_HOST)).or(self.host),
            traceparent: self.traceparent,
            tracestate: self.tracestate,
            is_relayed: self.is_relayed,
            is_synthetic: self.is_synthetic,
            is_cut,
        }
    }
}

/// The line of a request, or the pseudo-header fields that stand for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) version: Version,
    /// `:authority`.
    pub(super) authority: Option<&'a [u8]>,
}

/// The authority in a target of absolute or authority form (RFC 9112, sections 3.2.2 and 3.2.3).
fn authority<'a>(method: &[u8], target: &'a [u8]) -> Option<&'a [u8]> {
    if method == b"CONNECT" {
        return Some(target);
    }
    if target.starts_with(b"/") {
        return None;
    }
    let scheme = target.windows(3).position(|window| window == b"://")?;
    let after = target.get(scheme + 3..)?;
    let authority = after.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
    authority.rsplit(|byte| *byte == b'@').next()
}

fn line(value: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(value.trim_ascii()).into()
}

/// At most so many bytes of it.
fn short(bytes: &[u8], most: usize) -> Box<str> {
    let text = String::from_utf8_lossy(bytes.get(..most).unwrap_or(bytes));
    text.get(..text.floor_char_boundary(most)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method and target; `:authority`, `Host` and what is taken; the reason.
    type Row<'a> = ([&'a str; 2], [Option<&'a str>; 3], &'a str);

    #[test]
    fn the_host_is_taken_from_where_the_request_is_meant_for() {
        let rows: &[Row<'_>] = &[
            (["GET", "/"], [None, Some("shop"), Some("shop")], "origin form: Host (RFC 9112, section 3.2.1)"),
            (
                ["GET", "http://cart:8080/x?u=http://y"],
                [None, Some("shop"), Some("cart:8080")],
                "absolute form replaces Host (3.2.2)",
            ),
            (["GET", "http://user:secret@cart/x"], [None, None, Some("cart")], "credentials are no host"),
            (["GET", "http://cart?x"], [None, None, Some("cart")], "a query ends the authority"),
            (["CONNECT", "cart:443"], [None, Some("shop"), Some("cart:443")], "authority form (3.2.3)"),
            (["OPTIONS", "*"], [None, Some("shop"), Some("shop")], "asterisk form (3.2.4)"),
            (["GET", "/x?u=http://y/"], [None, None, None], "a URL in a query is no authority"),
            (
                ["GET", "/"],
                [Some("cart"), Some("shop"), Some("cart")],
                ":authority before Host (RFC 9113, section 8.3.1)",
            ),
        ];
        for ([method, target], [authority, host, expected], reason) in rows {
            let mut fields = Fields::default();
            if let Some(host) = host {
                fields.take(b"hOsT", format!(" {host}\t").as_bytes());
            }
            let line = RequestLine {
                method: method.as_bytes(),
                target: target.as_bytes(),
                version: Version::Http11,
                authority: authority.map(str::as_bytes),
            };
            assert_eq!(fields.into_head(&line, false).host.as_deref(), *expected, "{reason}");
        }
    }

    #[test]
    fn fields_are_kept_as_received_and_in_order() {
        let mut fields = Fields::default();
        let rows: &[(&str, &str)] = &[
            ("Traceparent", " 00-a "),
            ("traceparent", "\t00-b"),
            ("TRACESTATE", " a=1 , checkly=true "),
            ("tracestate", ""),
            ("user-agent", "Checkly/1"),
            ("user-agent", "curl/8"),
            ("x-forwarded-for", "::1"),
            ("traceparent2", "no"),
        ];
        for (name, value) in rows {
            fields.take(name.as_bytes(), value.as_bytes());
        }
        let line = RequestLine { method: &[b'M'; 40], target: b"/\xff", version: Version::Http10, authority: None };
        let head = fields.into_head(&line, true);
        assert_eq!(head.traceparent, ["00-a".into(), "00-b".into()]);
        assert_eq!(head.tracestate, ["a=1 , checkly=true".into(), Arc::<str>::from("")]);
        assert!(head.is_relayed && head.is_synthetic && head.is_cut);
        assert_eq!((head.method.len(), &*head.target), (MAX_METHOD, "/\u{fffd}"));
    }
}
