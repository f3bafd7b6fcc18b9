//! Which of the header fields that matter here a request has: one look at its names instead of a search for each.

use http::header::{self, HeaderMap};

/// The fields that were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) host: bool,
    pub(super) connection: bool,
    pub(super) content_length: bool,
    pub(super) transfer_encoding: bool,
    pub(super) upgrade: bool,
    pub(super) user_agent: bool,
    pub(super) via: bool,
    pub(super) traceparent: bool,
    pub(super) tracestate: bool,
    pub(super) forwarded_for: bool,
    pub(super) forwarded_proto: bool,
    pub(super) forwarded_host: bool,
}

impl Present {
    /// Looks at every name once.
    pub(super) fn of<T>(headers: &HeaderMap<T>) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            match *name {
                header::HOST => present.host = true,
                header::CONNECTION => present.connection = true,
                header::CONTENT_LENGTH => present.content_length = true,
                header::TRANSFER_ENCODING => present.transfer_encoding = true,
                header::UPGRADE => present.upgrade = true,
                header::USER_AGENT => present.user_agent = true,
                header::VIA => present.via = true,
                _ => match name.as_str() {
                    "traceparent" => present.traceparent = true,
                    "tracestate" => present.tracestate = true,
                    "x-forwarded-for" => present.forwarded_for = true,
                    "x-forwarded-proto" => present.forwarded_proto = true,
                    "x-forwarded-host" => present.forwarded_host = true,
                    _ => {}
                },
            }
        }
        present
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use http::HeaderValue;
    use http::header::HeaderName;

    use super::*;

    #[test]
    fn every_field_is_found_under_its_name_alone() {
        type Row = (&'static str, fn(&mut Present));
        let rows: &[Row] = &[
            ("Host", |present| present.host = true),
            ("Connection", |present| present.connection = true),
            ("content-length", |present| present.content_length = true),
            ("Transfer-Encoding", |present| present.transfer_encoding = true),
            ("UPGRADE", |present| present.upgrade = true),
            ("user-agent", |present| present.user_agent = true),
            ("Via", |present| present.via = true),
            ("Traceparent", |present| present.traceparent = true),
            ("TraceState", |present| present.tracestate = true),
            ("X-Forwarded-For", |present| present.forwarded_for = true),
            ("x-forwarded-proto", |present| present.forwarded_proto = true),
            ("X-FORWARDED-HOST", |present| present.forwarded_host = true),
            ("x-forwarded-port", |_| {}),
            ("accept", |_| {}),
        ];
        for (name, expect) in rows {
            let mut headers = HeaderMap::new();
            headers.append("accept-encoding", HeaderValue::from_static("gzip"));
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("1"));
            let mut expected = Present::default();
            expect(&mut expected);
            assert_eq!(Present::of(&headers), expected, "{name}");
        }
    }
}
