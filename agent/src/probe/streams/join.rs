//! A connection that was open before it was watched: what it carries, by the first turn that shows it.

use throughline_common::record::{self, Header};

use super::around::Around;
use super::connection::{Followed, LIMITS, arriving_if};
use crate::gap::observation::Completeness;
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
                    self.tell_unreadable(Completeness::JoinedLate, header.tgid, header.time, around);
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

/// Whether this looks like the beginning of a frame of HTTP/2 (RFC 9113, section 4.1): of a known type, with flags and a
/// stream that go with it, not longer than every peer may send.
fn is_frame(data: &[u8]) -> bool {
    const KNOWN_FLAGS: u8 = 0x2d;
    let Some(&[0, high, _, kind @ 0..=9, flags, ref stream @ ..]) = data.first_chunk::<9>() else { return false };
    let is_for_connection = *stream == [0; 4];
    let fits = match kind {
        // SETTINGS, PING, GOAWAY: of the connection.
        4 | 6 | 7 => is_for_connection,
        // WINDOW_UPDATE: of either.
        8 => true,
        _ => !is_for_connection,
    };
    high <= 0x40 && flags & !KNOWN_FLAGS == 0 && stream.first().is_some_and(|first| *first < 0x80) && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_from_other_lengths() {
        let rows: [(&[u8], bool, &str); 8] = [
            (&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1], true, "PING"),
            (&[0, 0, 8, 1, 4, 0, 0, 0, 7], true, "HEADERS"),
            (&[0, 0, 4, 8, 0, 0, 0, 0, 0], true, "WINDOW_UPDATE"),
            (&[0, 0, 8, 1, 4, 0, 0, 0, 0], false, "HEADERS of no stream"),
            (&[0, 0, 8, 1, 0xff, 0, 0, 0, 7], false, "flags nobody knows"),
            (&[0, 0, 1, 44, 0, 1, 0, 9, 0], false, "a length of four bytes, as Kafka has it"),
            (&[74, 0, 0, 0, 3, 115, 101, 108, 101], false, "a packet of MySQL"),
            (&[0, 0, 8, 6], false, "too few bytes"),
        ];
        for (data, expected, reason) in rows {
            assert_eq!(is_frame(data), expected, "{reason}");
        }
    }
}
