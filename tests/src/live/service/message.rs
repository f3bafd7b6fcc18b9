//! HTTP/1.1 as far as these services speak it: heads, and bodies with a length.

/// A request, as far as a service cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The last segment of its path.
    pub(super) identifier: String,
    /// Whether it is the question if the service is well, which it answers by itself.
    pub(super) health: bool,
    /// The first `traceparent`.
    pub(super) traceparent: Option<String>,
    /// The lines of `tracestate`, joined.
    pub(super) tracestate: Option<String>,
    /// Whether the client wants no more.
    pub(super) closes: bool,
}

/// The length of a whole message at the beginning of these bytes: its head and its body.
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}

/// A whole request.
pub(super) fn request(bytes: &[u8]) -> Request {
    let text = String::from_utf8_lossy(bytes);
    let path = text.split(' ').nth(1).unwrap_or_default();
    let lines = |name: &'static str| {
        let pairs = text.lines().skip(1).take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
        pairs.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let states: Vec<String> = lines("tracestate").collect();
    Request {
        identifier: path.rsplit('/').next().unwrap_or_default().to_owned(),
        health: path == "/health",
        traceparent: lines("traceparent").next(),
        tracestate: (!states.is_empty()).then(|| states.join(",")),
        closes: lines("connection").any(|value| value.eq_ignore_ascii_case("close")),
    }
}

/// The answer to everything.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwell\n";
