//! What a connection carries, told by its first bytes.

/// What a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// TLS: not observable.
    Tls,
    /// FastCGI: not observable.
    FastCgi,
    /// Something else.
    Other,
}

/// What the first bytes one way say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognition {
    /// They could still be several things.
    TooFew,
    /// A PROXY protocol header (version 1 or 2) of this many bytes, not all of which need be here; what follows has to
    /// be recognised anew.
    Proxy(usize),
    /// A request of HTTP/1.
    Request1,
    /// An answer of HTTP/1.
    Response1,
    /// The client's preface of HTTP/2.
    Preface2,
    /// The server's first frame of HTTP/2: SETTINGS.
    Settings2,
    /// A TLS record.
    Tls,
    /// A FastCGI record.
    FastCgi,
    /// Something else.
    Other,
}

/// The client's preface (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The signature of version 2 of the PROXY protocol (its specification, section 2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a header of version 2 before the addresses.
const SIGNED: usize = 16;
/// Bytes of a header of version 1, line end included (its specification, section 2.1).
const LONGEST_LINE: usize = 107;
/// Bytes of a method that are awaited.
const LONGEST_METHOD: usize = 64;

/// Looks at the first bytes that went one way. Says [`Recognition::TooFew`] of no more than 128 bytes.
///
/// A request is known by its method and by how its target begins: waiting for the version would take as long as the
/// longest target.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Recognition {
    if bytes.is_empty() || begins(bytes, SIGNATURE) == Some(false) {
        return Recognition::TooFew;
    }
    match bytes {
        _ if bytes.starts_with(SIGNATURE) => signed(bytes),
        [b'\r' | b'\n', rest @ ..] => after_line_ends(rest),
        [0x14..=0x17, ..] => tls(bytes),
        [0 | 1, ..] => frame_or_record(bytes),
        _ => text(bytes),
    }
}

/// Whether all of `whole` is there (`true`) or only its beginning (`false`). `None` where it is something else.
fn begins(bytes: &[u8], whole: &[u8]) -> Option<bool> {
    if bytes.starts_with(whole) { Some(true) } else { whole.starts_with(bytes).then_some(false) }
}

fn signed(bytes: &[u8]) -> Recognition {
    match bytes.get(SIGNATURE.len()..) {
        Some([version, ..]) if version >> 4 != 2 => Recognition::Other,
        Some([_, _, high, low, ..]) => Recognition::Proxy(SIGNED + usize::from(u16::from_be_bytes([*high, *low]))),
        _ => Recognition::TooFew,
    }
}

/// Line ends before a request are passed over (RFC 9112, section 2.2).
fn after_line_ends(rest: &[u8]) -> Recognition {
    const MOST: usize = 32;
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    match rest.get(ends..) {
        _ if ends > MOST => Recognition::Other,
        None | Some([]) => Recognition::TooFew,
        Some(line) => message(line),
    }
}

/// A record's type, version 3.0 to 3.4, and a length that a record may have (RFC 8446, section 5.1).
fn tls(bytes: &[u8]) -> Recognition {
    match bytes {
        [_] | [_, 3] | [_, 3, 0..=4] | [_, 3, 0..=4, _] => Recognition::TooFew,
        [_, 3, 0..=4, high, _, ..] if *high <= 0x48 => Recognition::Tls,
        _ => Recognition::Other,
    }
}

/// A SETTINGS frame on stream 0 whose length is a multiple of six (RFC 9113, section 6.5), or a FastCGI record that
/// begins a request (its specification, section 5.1).
fn frame_or_record(bytes: &[u8]) -> Recognition {
    const BEGIN: u8 = 1;
    match bytes {
        [1, BEGIN, _, _, 0, 8, _, 0, ..] => Recognition::FastCgi,
        [1, BEGIN, rest @ ..] if rest.len() < 6 => Recognition::TooFew,
        [1] => Recognition::TooFew,
        [0, high, low, 4, 0, 0, 0, 0, 0, ..] if u16::from_be_bytes([*high, *low]).is_multiple_of(6) => {
            Recognition::Settings2
        }
        [0] | [0, _] | [0, _, _] => Recognition::TooFew,
        [0, _, _, 4, rest @ ..] if rest.len() < 5 && rest.iter().all(|byte| *byte == 0) => Recognition::TooFew,
        _ => Recognition::Other,
    }
}

fn text(bytes: &[u8]) -> Recognition {
    if let Some(all) = begins(bytes, PREFACE) {
        return if all { Recognition::Preface2 } else { Recognition::TooFew };
    }
    if [b"PROXY TCP".as_slice(), b"PROXY UNKNOWN"].iter().any(|start| begins(bytes, start).is_some()) {
        return proxy_line(bytes);
    }
    message(bytes)
}

/// A request or an answer.
fn message(bytes: &[u8]) -> Recognition {
    match begins(bytes, b"HTTP/1.") {
        Some(true) => Recognition::Response1,
        Some(false) => Recognition::TooFew,
        None => request(bytes),
    }
}

fn proxy_line(bytes: &[u8]) -> Recognition {
    match bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') {
        Some(end) => Recognition::Proxy(end + 1),
        None if bytes.len() < LONGEST_LINE => Recognition::TooFew,
        None => Recognition::Other,
    }
}

/// A method that begins in upper case, and a target in one of its forms (RFC 9112, section 3.2).
fn request(bytes: &[u8]) -> Recognition {
    let method = bytes.iter().take_while(|byte| is_token(**byte)).count();
    if method > LONGEST_METHOD || !bytes.first().is_some_and(u8::is_ascii_uppercase) {
        return Recognition::Other;
    }
    match bytes.get(method..) {
        Some([b' ', rest @ ..]) => target(bytes.get(..method).unwrap_or_default(), rest),
        None | Some([]) => Recognition::TooFew,
        Some(_) => Recognition::Other,
    }
}

fn target(method: &[u8], rest: &[u8]) -> Recognition {
    match rest {
        [] => Recognition::TooFew,
        [b'/', ..] => Recognition::Request1,
        [b'*'] => Recognition::TooFew,
        [b'*', b' ', ..] => Recognition::Request1,
        [first, ..] if method == b"CONNECT" && (first.is_ascii_alphanumeric() || *first == b'[') => {
            Recognition::Request1
        }
        _ if begins(rest, b"http://").or(begins(rest, b"https://")) == Some(false) => Recognition::TooFew,
        _ if rest.starts_with(b"http://") || rest.starts_with(b"https://") => Recognition::Request1,
        _ => Recognition::Other,
    }
}

/// `tchar` (RFC 9110, section 5.6.2).
pub(super) const fn is_token(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'^' | b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests;
