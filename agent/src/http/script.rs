//! Conversations for tests: what went each way, in order, and what was told of it, a word for each event.

use super::{Connection, Event, Limits, Way};

/// What went by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// From client to server.
    Ask(&'a [u8]),
    /// From server to client.
    Answer(&'a [u8]),
    /// Bytes from client to server that were not seen.
    AskHole(u64),
    /// Bytes from server to client that were not seen.
    AnswerHole(u64),
    /// The connection is closed.
    Close,
}

/// Plays a conversation; pieces are cut so that none is longer than `piece` bytes.
pub(super) fn play(connection: &mut Connection, steps: &[Step<'_>], piece: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut last = None;
    for step in steps {
        match *step {
            Step::Ask(bytes) | Step::Answer(bytes) => {
                let way = if matches!(step, Step::Ask(_)) { Way::Requests } else { Way::Responses };
                for bytes in bytes.chunks(piece) {
                    connection.push(way, last != Some(way), bytes, &mut events);
                    last = Some(way);
                }
            }
            Step::AskHole(bytes) => {
                connection.skip(Way::Requests, bytes, &mut events);
                last = Some(Way::Requests);
            }
            Step::AnswerHole(bytes) => {
                connection.skip(Way::Responses, bytes, &mut events);
                last = Some(Way::Responses);
            }
            Step::Close => connection.close(&mut events),
        }
    }
    events
}

/// What was told, as words. That a connection is of HTTP/1 and that a request began goes without saying.
pub(super) fn words(events: &[Event]) -> String {
    let word = |event: &Event| match event {
        Event::Recognised(super::Protocol::Http1) | Event::Began { .. } => None,
        Event::Recognised(protocol) => Some(format!("{protocol:?}")),
        Event::Request { exchange, head } => {
            let cut = if head.is_cut { "~" } else { "" };
            Some(format!("{exchange}:{}{}{cut}", head.method, head.target))
        }
        Event::RequestEnd { exchange, seen } => Some(format!("{exchange}.{}", if *seen { "" } else { "?" })),
        Event::Interim { exchange, status } => Some(format!("{exchange}:{status}")),
        Event::Response { exchange, head } => Some(format!("{exchange}={}", head.status)),
        Event::ResponseEnd { exchange, seen } => Some(format!("{exchange}!{}", if *seen { "" } else { "?" })),
        Event::Reset { exchange } => Some(format!("{exchange}-reset")),
        Event::Switched { exchange } => Some(format!("{exchange}-switched")),
        Event::Lost(reason) => Some(format!("{reason:?}")),
    };
    events.iter().filter_map(word).collect::<Vec<_>>().join(" ")
}

/// Plays whole and in pieces of every small length, which must make no difference; gives the words.
pub(super) fn told(make: impl Fn() -> Connection, steps: &[Step<'_>], reason: &str) -> String {
    let whole = play(&mut make(), steps, usize::MAX);
    for piece in (1..40).chain([100, 1000]) {
        assert_eq!(words(&play(&mut make(), steps, piece)), words(&whole), "{reason}, in pieces of {piece}");
        assert_eq!(play(&mut make(), steps, piece), whole, "{reason}, in pieces of {piece}");
    }
    words(&whole)
}

/// A connection followed from its start, with the usual limits.
pub(super) fn fresh() -> Connection {
    Connection::new(Limits::default())
}
