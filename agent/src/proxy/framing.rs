//! Which requests are refused because their framing is ambiguous or too long. Pingora refuses more on its own, before
//! any of this runs.

use http::Version;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora::http::RequestHeader;

use super::counts::Refusal;
use super::present::Present;

/// Why this request may not be forwarded, if so. `raw` is the head as received: Pingora has removed a Content-Length
/// that stood beside Transfer-Encoding from `request`.
pub(super) fn refuse(request: &RequestHeader, present: Present, raw: &[u8], limit: usize) -> Option<Refusal> {
    if raw.len() > limit {
        return Some(Refusal::HeadTooLong);
    }
    if request.version == Version::HTTP_11 && !present.host {
        return Some(Refusal::NoHost);
    }
    if present.content_length {
        let mut lengths = request.headers.get_all(CONTENT_LENGTH).iter();
        if lengths.next().is_some_and(|first| first.as_bytes().contains(&b',')) || lengths.next().is_some() {
            return Some(Refusal::SeveralLengths);
        }
    }
    if !present.transfer_encoding {
        return None;
    }
    if names_content_length(raw) {
        return Some(Refusal::LengthAndEncoding);
    }
    // Anything beside `chunked` would be lost on the way (RFC 9112, section 6.1).
    let mut encodings = request.headers.get_all(TRANSFER_ENCODING).iter();
    let only_chunked =
        encodings.next().is_some_and(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"))
            && encodings.next().is_none();
    (!only_chunked).then_some(Refusal::TransferEncoding)
}

/// The status that answers a refusal.
pub(super) fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::HeadTooLong => 431,
        // RFC 9112, section 6.1: a transfer coding that is not understood.
        Refusal::TransferEncoding => 501,
        Refusal::Loop => 508,
        Refusal::Connect => 405,
        Refusal::Destination => 403,
        Refusal::SlowHead => 408,
        Refusal::MalformedHead
        | Refusal::SeveralLengths
        | Refusal::LengthAndEncoding
        | Refusal::NoHost
        | Refusal::NoDestination
        | Refusal::BadConnectionHeader
        | Refusal::MalformedBody
        | Refusal::Http2
        | Refusal::Tls => 400,
    }
}

/// The sentence a client gets.
pub(super) fn sentence(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::MalformedHead => "the request head is not HTTP/1",
        Refusal::Connect => "CONNECT is not served here",
        Refusal::HeadTooLong => "the request head is too long",
        Refusal::SeveralLengths => "the request has more than one Content-Length value",
        Refusal::LengthAndEncoding => "the request has both Content-Length and Transfer-Encoding",
        Refusal::TransferEncoding => "no Transfer-Encoding but chunked alone is served here",
        Refusal::MalformedBody => "the request body is not framed as its head says",
        Refusal::NoHost => "the request has no Host",
        Refusal::BadConnectionHeader => "the Connection header names a field that must not be removed",
        Refusal::SlowHead => "the request head did not come in time",
        Refusal::Loop => "the request came back to this proxy",
        Refusal::Destination => "this service may not call there; the agent's configuration can allow it",
        Refusal::NoDestination => {
            "this is a forward proxy: the request must say where it goes, as http://HOST:PORT/PATH"
        }
        Refusal::Http2 => "HTTP/2 is not served here",
        Refusal::Tls => "TLS is not served here",
    }
}

fn names_content_length(raw: &[u8]) -> bool {
    raw.split(|byte| *byte == b'\n').skip(1).any(|line| {
        line.split(|byte| *byte == b':')
            .next()
            .is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"content-length"))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn ambiguous_framing_is_refused() {
        let rows: &[(&str, Option<Refusal>, &str)] = &[
            ("Host: a\r\n", None, "nothing odd"),
            ("Host: a\r\nContent-Length: 5\r\n", None, "one length"),
            ("", Some(Refusal::NoHost), "HTTP/1.1 demands Host"),
            ("Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n", Some(Refusal::SeveralLengths), "two, equal"),
            ("Host: a\r\nContent-Length: 5, 5\r\n", Some(Refusal::SeveralLengths), "two in one line"),
            ("Host: a\r\nTransfer-Encoding: chunked\r\n", None, "chunked alone"),
            ("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", Some(Refusal::TransferEncoding), "gzip would be lost"),
            (
                "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Some(Refusal::TransferEncoding),
                "chunked twice",
            ),
            (
                "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
                Some(Refusal::TransferEncoding),
                "Pingora would pass on the body and lose its coding",
            ),
            (
                "Host: a\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 5\r\n",
                Some(Refusal::LengthAndEncoding),
                "the length is gone from the parsed head, not from the raw one",
            ),
            (
                "Host: a\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                Some(Refusal::HeadTooLong),
                "over the limit of 100 bytes",
            ),
        ];
        for (lines, expected, reason) in rows {
            let raw = format!("GET / HTTP/1.1\r\n{lines}\r\n");
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            let both = lines.contains("Transfer-Encoding");
            for line in lines.lines() {
                let (name, value) = line.split_once(": ").unwrap();
                if !(both && name.eq_ignore_ascii_case("content-length")) {
                    request.append_header(name.to_owned(), value).unwrap();
                }
            }
            let present = Present::of(&request.headers);
            assert_eq!(refuse(&request, present, raw.as_bytes(), 100), *expected, "{reason}");
        }
    }
}
