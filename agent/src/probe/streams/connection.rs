//! One connection: its records in order, their bytes to [`http`](crate::http), and what comes of it to exchanges.

use std::net::SocketAddr;

use throughline_common::connection::{Addresses, flags as role_flags};
use throughline_common::record::{self, Header, flags};

use super::address;
use super::around::{Around, Loss};
use super::exchange::{Stamp, UnderWay};
use super::half::Half;
use super::held::Held;
use crate::gap::observation::Direction;
use crate::http::{self, Limits, Protocol, Recognition, Way, recognise};

/// Turns of a connection that may begin with something unknown before nothing more is expected of it.
const STRANGE_TURNS: u8 = 8;
/// What is kept of one connection.
const LIMITS: Limits = Limits { head: 16 << 10, pipelined: 100, header_list: 64 << 10, table: 16 << 10, streams: 256 };

/// A connection that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) number: u64,
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: Option<SocketAddr>,
    /// Which way requests go, as the process sees it.
    pub(super) direction: Option<Direction>,
    /// `None` before its first request, where it was open before, and when nothing more is expected of it.
    pub(super) http: Option<Box<http::Connection>>,
    pub(super) read: Half,
    pub(super) written: Half,
    pub(super) under_way: Vec<UnderWay>,
    pub(super) held: Held,
    /// Bytes of a head whose end has not come.
    pub(super) unfinished: usize,
    pub(super) strange_turns: u8,
    pub(super) is_interleaved: bool,
    pub(super) is_muted: bool,
    /// When its last record came.
    pub(super) time: u64,
}

impl Followed {
    /// A connection whose beginning was not seen.
    pub(super) fn joined(number: u64) -> Self {
        Self {
            number,
            local: None,
            remote: None,
            direction: None,
            http: None,
            read: Half::default(),
            written: Half::default(),
            under_way: Vec::new(),
            held: Held::default(),
            unfinished: 0,
            strange_turns: 0,
            is_interleaved: false,
            is_muted: false,
            time: 0,
        }
    }

    /// A connection with its ends, followed from its first byte if the process was seen to accept or to connect it.
    pub(super) fn open(number: u64, addresses: &Addresses) -> Self {
        let direction = match addresses.flags & (role_flags::ACCEPTED | role_flags::CONNECTED) {
            role_flags::ACCEPTED => Some(Direction::In),
            role_flags::CONNECTED => Some(Direction::Out),
            _ => None,
        };
        let (local, remote) = address::ends(addresses);
        let mut followed = Self { local, remote, direction, ..Self::joined(number) };
        if direction.is_some() {
            followed.http = Some(Box::new(http::Connection::new(LIMITS)));
            (followed.read, followed.written) = (Half::from_start(), Half::from_start());
        }
        followed
    }

    /// Its ends, told after its first bytes.
    pub(super) fn name(&mut self, addresses: &Addresses) {
        (self.local, self.remote) = address::ends(addresses);
    }

    /// Whether records wait.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Bytes went one way.
    pub(super) fn take(&mut self, header: &Header, data: &[u8], around: &mut Around) {
        let Some(way) = record::Direction::of(header.direction) else {
            around.counts.unreadable += 1;
            return;
        };
        self.time = self.time.max(header.time);
        if self.is_muted {
            return;
        }
        if self.must_wait(header, way, data) || !self.held.is_empty() && !self.is_next(header, way) {
            if self.held.push(header, data, around) {
                return;
            }
            self.force(u64::MAX, around);
        }
        self.work(header, way, data, around);
        self.replay(around);
    }

    /// Records that have waited until now wait no longer.
    pub(super) fn force(&mut self, now: u64, around: &mut Around) {
        while self.held.is_due(now, around.bounds.hold)
            && let Some((header, data)) = self.held.pop(around)
        {
            self.again(&header, &data, around);
        }
        self.replay(around);
    }

    fn replay(&mut self, around: &mut Around) {
        while let Some((header, data)) = self.held.first()
            && record::Direction::of(header.direction).is_some_and(|way| !self.must_wait(header, way, data))
            && let Some((header, data)) = self.held.pop(around)
        {
            self.again(&header, &data, around);
        }
    }

    fn again(&mut self, header: &Header, data: &[u8], around: &mut Around) {
        if let Some(way) = record::Direction::of(header.direction)
            && !self.is_muted
        {
            self.work(header, way, data, around);
        }
    }

    /// The call that moved the bytes before these may not have returned yet, though it was made on another thread before.
    fn must_wait(&self, header: &Header, way: record::Direction, data: &[u8]) -> bool {
        let is_answer = self.direction == Some(Direction::Out) && way == record::Direction::Read;
        if is_answer && self.http.is_some() && self.under_way.is_empty() && !data.is_empty() {
            return true;
        }
        header.flags & flags::TURN != 0
            && self.http.is_some()
            && !self.held.has(opposite(way))
            && self.half(opposite(way)).is_behind(header.other_offset)
    }

    /// Whether nothing of its direction is missing before this record.
    fn is_next(&self, header: &Header, way: record::Direction) -> bool {
        !self.held.has(way) && !self.half(way).is_behind(header.offset)
    }

    fn work(&mut self, header: &Header, way: record::Direction, data: &[u8], around: &mut Around) {
        let begins_turn = header.flags & flags::TURN != 0;
        if begins_turn && !self.held.has(opposite(way)) {
            self.catch_up(opposite(way), header.other_offset, header.other_time, header.tgid, around);
        }
        let step = self.half_mut(way).step(header, data.len());
        let data = data.get(step.stale..).unwrap_or_default();
        if self.http.is_none() && !(begins_turn && self.join(header, way, data, around)) {
            return;
        }
        if self.direction == Some(Direction::In) {
            around.threads.serve(header.tid, self.number);
        }
        let elsewhere = around.threads.elsewhere(header.tid, header.waits);
        let stamp = Stamp { time: header.time, tgid: header.tgid, tid: header.tid, elsewhere };
        if step.hole > 0 {
            let is_gated = header.flags & flags::GATED != 0;
            self.unseen(way, step.hole, step.is_hit || !is_gated && begins_turn, stamp, around);
            if is_gated {
                around.counts.gated += 1;
                around.lose(Loss { tgid: header.tgid, time: header.time, is_gated: true });
            }
        }
        self.push(way, begins_turn, data, stamp, around);
        if step.rest > 0 {
            self.skip(way, step.rest, stamp, around);
        }
    }

    /// The connection is over, and its last record says how far both directions had come.
    pub(super) fn catch_up_both(&mut self, close: &Header, around: &mut Around) {
        self.catch_up(record::Direction::Read, close.offset, close.other_time, close.tgid, around);
        self.catch_up(record::Direction::Write, close.other_offset, close.turn_time, close.tgid, around);
    }

    /// The direction had come so far by then, says a record of the other one.
    fn catch_up(&mut self, way: record::Direction, offset: u64, time: u64, tgid: u32, around: &mut Around) {
        let most = around.bounds.head_bytes.saturating_sub(record::MAX_CHUNK as u64);
        let (unseen, is_hit) = self.half_mut(way).catch_up(offset, time, most);
        if unseen > 0 && self.http.is_some() {
            self.unseen(way, unseen, is_hit, Stamp { time, tgid, ..Stamp::default() }, around);
        }
    }

    /// Bytes went by unseen. `is_hit` says that they should have been seen.
    fn unseen(&mut self, way: record::Direction, bytes: u64, is_hit: bool, stamp: Stamp, around: &mut Around) {
        if is_hit {
            around.counts.hits += 1;
            around.lose(Loss { tgid: stamp.tgid, time: stamp.time, is_gated: false });
            self.under_way.iter_mut().for_each(|one| one.was_hit = true);
        }
        self.skip(way, bytes, stamp, around);
    }

    /// Whether this turn of a connection that was open before begins with a request.
    fn join(&mut self, header: &Header, way: record::Direction, data: &[u8], around: &mut Around) -> bool {
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

    fn push(&mut self, way: record::Direction, begins_turn: bool, data: &[u8], stamp: Stamp, around: &mut Around) {
        let Some(way) = self.way(way) else { return };
        if way == Way::Requests && begins_turn && recognise(data) == Recognition::Request1 {
            // What was given up has become whatever it became before this.
            let end = self.answers().time;
            self.finish_where(UnderWay::is_given_up, Some(end), around);
        }
        if way == Way::Responses && !self.is_interleaved && !data.is_empty() {
            let first = self.under_way.iter_mut().find(|one| !one.is_answered());
            first.into_iter().for_each(|one| one.answering(stamp));
        }
        let Some(http) = &mut self.http else { return };
        let mut events = Vec::new();
        http.push(way, begins_turn, data, &mut events);
        self.events(events, stamp, around);
        self.weigh(way, data.len(), around);
    }

    fn skip(&mut self, way: record::Direction, bytes: u64, stamp: Stamp, around: &mut Around) {
        let Some((way, http)) = self.way(way).zip(self.http.as_mut()) else { return };
        let mut events = Vec::new();
        http.skip(way, bytes, &mut events);
        self.events(events, stamp, around);
    }

    /// Which way of the protocol these bytes go.
    fn way(&self, way: record::Direction) -> Option<Way> {
        let is_request = arriving_if(way == record::Direction::Read) == self.direction?;
        Some(if is_request { Way::Requests } else { Way::Responses })
    }

    const fn half(&self, way: record::Direction) -> &Half {
        match way {
            record::Direction::Read => &self.read,
            record::Direction::Write => &self.written,
        }
    }

    const fn half_mut(&mut self, way: record::Direction) -> &mut Half {
        match way {
            record::Direction::Read => &mut self.read,
            record::Direction::Write => &mut self.written,
        }
    }
}

const fn opposite(way: record::Direction) -> record::Direction {
    match way {
        record::Direction::Read => record::Direction::Write,
        record::Direction::Write => record::Direction::Read,
    }
}

/// The direction of requests, if they are read or written.
const fn arriving_if(is_read: bool) -> Direction {
    if is_read { Direction::In } else { Direction::Out }
}

/// Whether this looks like the beginning of a frame of HTTP/2 (RFC 9113, section 4.1): of a known type, not longer than
/// every peer may send, with the reserved bit clear.
fn is_frame(data: &[u8]) -> bool {
    matches!(data, [0, high, _, 0..=9, _, stream, ..] if *high <= 0x40 && *stream < 0x80 && data.len() >= 9)
}
