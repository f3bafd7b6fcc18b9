//! First bytes of what is found on TCP connections.

use proptest::prelude::*;

use super::*;

#[test]
fn first_bytes_are_recognised() {
    let rows: &[(&[u8], Recognition, &str)] = &[
        (b"GET / HTTP/1.1\r\n", Recognition::Request1, "origin form (RFC 9112, section 3.2.1)"),
        (b"\r\n\nGET /", Recognition::Request1, "line ends before it (RFC 9112, section 2.2)"),
        (b"GET http://a/", Recognition::Request1, "absolute form (3.2.2)"),
        (b"GET https://a/", Recognition::Request1, "absolute form, as some clients send it to proxies"),
        (b"CONNECT a:443 HTTP/1.1", Recognition::Request1, "authority form (3.2.3)"),
        (b"CONNECT [::1]:443 HTTP/1.1", Recognition::Request1, "authority form with an IPv6 address"),
        (b"OPTIONS * HTTP/1.1", Recognition::Request1, "asterisk form (3.2.4)"),
        (b"M-SEARCH * HTTP/1.1", Recognition::Request1, "any token is a method"),
        (b"PROPFIND /dav", Recognition::Request1, "methods beyond RFC 9110"),
        (b"PRIVATE /", Recognition::Request1, "begins as the preface does"),
        (b"PROXY /", Recognition::Request1, "a method may be called so"),
        (b"HTTP/1.1 200 OK\r\n", Recognition::Response1, "status line (RFC 9112, section 4)"),
        (b"HTTP /", Recognition::Request1, "begins as an answer does"),
        (b"HTTP/2.0 200", Recognition::Other, "no such status line"),
        (b"get / HTTP/1.1", Recognition::Other, "methods are case-sensitive; this is rather memcached"),
        (b"GET key\r\n", Recognition::Other, "Redis, inline"),
        (b"*1\r\n$4\r\nPING\r\n", Recognition::Other, "Redis"),
        (b"REGISTER sip:a SIP/2.0", Recognition::Other, "SIP"),
        (b"DESCRIBE rtsp://a RTSP/1.0", Recognition::Other, "RTSP"),
        (b"SSH-2.0-OpenSSH\r\n", Recognition::Other, "SSH"),
        (b"EHLO a\r\n", Recognition::Other, "SMTP"),
        (b"\0\0\0\x08\x04\xd2\x16/", Recognition::Other, "PostgreSQL asks for TLS"),
        (b"J\0\0\0\x0a8.0.1", Recognition::Other, "MySQL greets"),
        (PREFACE, Recognition::Preface2, "RFC 9113, section 3.4"),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03", Recognition::Settings2, "the server's preface"),
        (b"\0\0\0\x04\0\0\0\0\0", Recognition::Settings2, "the server's preface may be empty"),
        (b"\0\0\x13\x04\0\0\0\0\0", Recognition::Other, "no multiple of six (RFC 9113, section 6.5)"),
        (b"\0\0\0\x04\x01\0\0\0\0", Recognition::Other, "an acknowledgement is no preface"),
        (b"\x16\x03\x01\x02\0\x01", Recognition::Tls, "ClientHello (RFC 8446, section 5.1)"),
        (b"\x16\x03\x03\0\x7a\x02", Recognition::Tls, "ServerHello"),
        (b"\x15\x03\x03\0\x02\x02\x28", Recognition::Tls, "an alert"),
        (b"\x16\x03\x01\xff\xff", Recognition::Other, "longer than a record may be"),
        (b"\x16\x02\x01\0\0", Recognition::Other, "no version of TLS"),
        (b"\x01\x01\0\x01\0\x08\0\0\0\x01", Recognition::FastCgi, "begins a request"),
        (b"\x01\x01\0\x01\0\x09\0\0", Recognition::Other, "such a record has eight bytes"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /", Recognition::Proxy(32), "version 1"),
        (b"PROXY UNKNOWN\r\n", Recognition::Proxy(15), "version 1 without addresses"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", Recognition::Proxy(28), "version 2 over IPv4"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", Recognition::Proxy(16), "version 2, LOCAL"),
        (b"\r\n\r\n\0\r\nQUIT\n\x31", Recognition::Other, "no version 3"),
        (b"\r\n\r\n\0\r\nQUIT!", Recognition::Other, "not that signature"),
        (b"\r\nPROXY UNKNOWN\r\n", Recognition::Other, "nothing comes before a PROXY header"),
        (b"\xff\xf4", Recognition::Other, "telnet"),
    ];
    for (bytes, expected, reason) in rows {
        assert_eq!(recognise(bytes), *expected, "{reason}");
    }
}

#[test]
fn too_few_bytes_never_decide_wrongly() {
    let rows: &[&[u8]] = &[
        b"GET /",
        b"\r\nHEAD /",
        b"CONNECT a",
        b"OPTIONS * ",
        b"POST http://",
        b"PRIVATE /",
        b"PROXY /",
        b"HTTP /",
        b"HTTP/1.",
        PREFACE,
        b"\0\0\x12\x04\0\0\0\0\0",
        b"\x16\x03\x01\x02\0",
        b"\x01\x01\0\x01\0\x08\0\0",
        b"PROXY TCP6 ::1 ::2 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
    ];
    for whole in rows {
        for length in 0..whole.len() {
            let part = whole.get(..length).unwrap_or_default();
            assert_eq!(recognise(part), Recognition::TooFew, "{}", part.escape_ascii());
        }
        assert_ne!(recognise(whole), Recognition::TooFew, "{}", whole.escape_ascii());
    }
}

#[test]
fn waiting_for_more_bytes_ends() {
    for pattern in [b"A".as_slice(), b"\r\n", b"PROXY TCP4 ", b"0", b"\0", b"\x01", b"PROXY UNKNOWN "] {
        assert_ne!(recognise(&pattern.repeat(200)), Recognition::TooFew, "{}", pattern.escape_ascii());
    }
}

proptest! {
    #[test]
    fn what_is_decided_stays_decided(bytes in prop::collection::vec(any::<u8>(), 0..40), start in 0..6usize) {
        let starts: [&[u8]; 6] = [b"", b"GET ", b"PR", b"\0\0", b"\x16\x03", b"\r\n"];
        let bytes = [starts.get(start).copied().unwrap_or_default(), &bytes].concat();
        let mut decided = None;
        for length in 0..=bytes.len() {
            match (recognise(bytes.get(..length).unwrap_or_default()), decided) {
                (Recognition::TooFew, None) => {}
                (known, None) => decided = Some(known),
                (known, Some(before)) => prop_assert_eq!(known, before),
            }
        }
    }
}
