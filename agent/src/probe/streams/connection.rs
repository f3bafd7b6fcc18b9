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
use crate::http::{self, Limits, Recognition, Way, recognise};

/// What is kept of one connection.
pub(super) const LIMITS: Limits =
    Limits { head: 16 << 10, pipelined: 100, header_list: 64 << 10, table: 16 << 10, streams: 256 };

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
    /// Bytes of requests are missing, and neither the end of this one nor the beginning of another was seen since.
    pub(super) is_lost: bool,
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
            is_lost: false,
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
        if way == record::Direction::Read && (self.holds() || self.is_early(header, data)) {
            if self.held.push(header, data, around) {
                return;
            }
            self.force(u64::MAX, around);
        }
        self.work(header, way, data, around);
        self.replay(around);
    }

    /// Answers that have waited until now wait no longer.
    pub(super) fn force(&mut self, now: u64, around: &mut Around) {
        while self.held.is_due(now, around.bounds.hold) {
            self.work_held(around);
        }
        self.replay(around);
    }

    fn replay(&mut self, around: &mut Around) {
        while self.holds() && (self.is_lost || !self.under_way.is_empty()) {
            self.work_held(around);
        }
    }

    fn work_held(&mut self, around: &mut Around) {
        if let Some((header, data)) = self.held.pop(around)
            && !self.is_muted
        {
            self.work(&header, record::Direction::Read, &data, around);
        }
    }

    /// Whether an answer comes before its request: the call that wrote that has not returned yet, so its bytes are not
    /// counted either. If they are, its record was lost.
    const fn is_early(&self, header: &Header, data: &[u8]) -> bool {
        matches!(self.direction, Some(Direction::Out))
            && self.http.is_some()
            && self.under_way.is_empty()
            && !self.is_lost
            && !self.is_interleaved
            && !data.is_empty()
            && !self.written.is_behind(header.other_offset)
    }

    fn work(&mut self, header: &Header, way: record::Direction, data: &[u8], around: &mut Around) {
        let begins_turn = header.flags & flags::TURN != 0;
        let is_gated = header.flags & flags::GATED != 0;
        // Answers that wait are known, though nobody has looked at them yet.
        if begins_turn && !self.holds() {
            let seen = Seen { offset: header.other_offset, time: header.other_time, is_gated };
            self.catch_up(opposite(way), seen, header.tgid, around);
        }
        let step = self.half_mut(way).step(header, data.len());
        let data = data.get(step.stale..).unwrap_or_default();
        let is_new = self.http.is_none();
        if is_new && !(begins_turn && self.join(header, way, data, around)) {
            return;
        }
        if self.direction == Some(Direction::In) {
            around.threads.serve(header.tid, self.number);
        }
        let elsewhere = around.threads.elsewhere(header.tid, header.waits);
        let stamp = Stamp { time: header.time, tgid: header.tgid, tid: header.tid, elsewhere };
        if is_gated {
            around.counts.gated += 1;
            around.lose(Loss { tgid: header.tgid, time: header.time, is_gated });
        }
        if step.hole > 0 && !is_new {
            self.unseen(way, step.hole, step.is_hit, stamp, around);
            // What waits may have been for a request in the hole.
            while self.holds() {
                self.work_held(around);
            }
        }
        self.push(way, begins_turn, data, stamp, around);
        if step.rest > 0 {
            self.skip(way, step.rest, stamp, around);
        }
    }

    /// The connection is over, and its last record says how far both directions had come.
    pub(super) fn catch_up_both(&mut self, close: &Header, around: &mut Around) {
        // What was passed over last is not told, and what is not under way cannot be hit.
        let is_gated = self.under_way.is_empty();
        let read = Seen { offset: close.offset, time: close.other_time, is_gated };
        let written = Seen { offset: close.other_offset, time: close.turn_time, is_gated };
        self.catch_up(record::Direction::Read, read, close.tgid, around);
        self.catch_up(record::Direction::Write, written, close.tgid, around);
    }

    /// One direction had come so far by then, says a record of the other one.
    fn catch_up(&mut self, way: record::Direction, seen: Seen, tgid: u32, around: &mut Around) {
        let most = around.bounds.head_bytes.saturating_sub(record::MAX_CHUNK as u64);
        let (unseen, is_hit) = self.half_mut(way).catch_up(seen.offset, seen.time, most);
        if unseen > 0 && self.http.is_some() {
            let stamp = Stamp { time: seen.time, tgid, ..Stamp::default() };
            self.unseen(way, unseen, is_hit && !seen.is_gated, stamp, around);
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

    fn push(&mut self, way: record::Direction, begins_turn: bool, data: &[u8], stamp: Stamp, around: &mut Around) {
        let Some(way) = self.way(way) else { return };
        if way == Way::Requests && begins_turn && recognise(data) == Recognition::Request1 {
            // What was given up has become whatever it became before this.
            let end = self.answers().time;
            self.finish_where(UnderWay::is_given_up, Some(end), around);
        }
        if way == Way::Responses && !self.is_interleaved && !data.is_empty() {
            // Answers come in the order of their requests: until the first is over, no byte is the second's.
            let first = self.under_way.iter_mut().find(|one| !one.is_given_up());
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
        self.is_lost |= way == Way::Requests;
        self.events(events, stamp, around);
    }

    /// Which way of the protocol these bytes go.
    fn way(&self, way: record::Direction) -> Option<Way> {
        let is_request = arriving_if(way == record::Direction::Read) == self.direction?;
        Some(if is_request { Way::Requests } else { Way::Responses })
    }

    const fn half_mut(&mut self, way: record::Direction) -> &mut Half {
        match way {
            record::Direction::Read => &mut self.read,
            record::Direction::Write => &mut self.written,
        }
    }
}

/// How far a direction had come, by then.
#[derive(Clone, Copy)]
struct Seen {
    offset: u64,
    time: u64,
    /// Messages were passed over because of the budget.
    is_gated: bool,
}

const fn opposite(way: record::Direction) -> record::Direction {
    match way {
        record::Direction::Read => record::Direction::Write,
        record::Direction::Write => record::Direction::Read,
    }
}

/// The direction of requests that are read, or else written.
pub(super) const fn arriving_if(is_read: bool) -> Direction {
    if is_read { Direction::In } else { Direction::Out }
}
