//! A connection that was open before it was watched: what it carries, by the first turn that shows it.

use throughline_common::record::{self, Header};

use super::around::Around;
use super::connection::{Followed, LIMITS, arriving_if};
use crate::http::{self, Protocol, Recognition, recognise};

/// Turns that may begin with something unknown before nothing more is expected of a connection.
const STRANGE_TURNS: u8 = 8;

impl Followed {
    /// Whether this turn of a connection that was open before begins with a request.
    pub(super) fn join(&mut self, header: &Header, way: record::Direction, data: &[u8], around: &mut Around) -> bool {
        let (direction, http) = match recognise(data) {
            Recognition::Request1 => (arriving_if(way == record::Direction::Read), http::Connection::joined(LIMITS)),
            // The preface is the first that goes over a connection.
            Recognition::Preface2 => (arriving_if(way == record::Direction::Read), http::Connection::new(LIMITS)),
            Recognition::Tls => {
                self.is_over(Protocol::Tls, header.tgid, header.time, around);
                return false;
            }
            Recognition::FastCgi => {
                self.direction = Some(arriving_if(way == record::Direction::Read));
                self.is_over(Protocol::FastCgi, header.tgid, header.time, around);
                return false;
            }
            Recognition::Other => {
                self.strange_turns += 1;
                if is_frame(data) {
                    around.counts.joined_late += 1;
                    self.mute(around);
                } else if self.strange_turns >= STRANGE_TURNS {
                    self.is_over(Protocol::Other, header.tgid, header.time, around);
                }
                return false;
            }
            Recognition::TooFew | Recognition::Proxy(_) | Recognition::Response1 | Recognition::Settings2 => {
                return false;
            }
        };
        self.direction = Some(direction);
        self.http = Some(Box::new(http));
        true
    }
}

/// Whether this looks like the beginning of a frame of HTTP/2 (RFC 9113, section 4.1): of a known type, not longer than
/// every peer may send, with the reserved bit clear.
fn is_frame(data: &[u8]) -> bool {
    matches!(data, [0, high, _, 0..=9, _, stream, ..] if *high <= 0x40 && *stream < 0x80 && data.len() >= 9)
}
