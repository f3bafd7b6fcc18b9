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
    /// A PROXY protocol header (version 1 or 2) of this many bytes; what follows has to be recognised anew.
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
    /// A FastCGI request.
    FastCgi,
    /// Something else.
    Other,
}

/// Looks at the first bytes that went one way.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Recognition {
    match bytes {
        [] => Recognition::TooFew,
        [0x16, 3, ..] => Recognition::Tls,
        _ if bytes.starts_with(b"PRI * HTTP/2.0\r\n") => Recognition::Preface2,
        _ if bytes.starts_with(b"HTTP/1.") => Recognition::Response1,
        [first, ..] if first.is_ascii_uppercase() => Recognition::Request1,
        _ => Recognition::Other,
    }
}
