//! What the bytes of a connection turned out to be: exchanges begin, are answered and end.

use super::around::{Around, Wish};
use super::connection::Followed;
use super::exchange::{Ends, Exchange, Stamp, UnderWay};
use super::half::Half;
use crate::gap::observation::{Completeness, Direction};
use crate::http::{Event, Lost, Protocol, Way};

impl Followed {
    pub(super) fn events(&mut self, events: Vec<Event>, stamp: Stamp, around: &mut Around) {
        for event in events {
            self.event(event, stamp, around);
        }
    }

    fn event(&mut self, event: Event, stamp: Stamp, around: &mut Around) {
        match event {
            Event::Recognised(protocol) => self.recognised(protocol, stamp, around),
            Event::Began { exchange } => self.began(exchange, stamp, around),
            Event::Request { exchange, head } => self.with(exchange, |one| one.head(head, stamp)),
            Event::RequestEnd { seen, .. } => self.is_lost &= !seen,
            Event::Interim { exchange, .. } => self.with(exchange, UnderWay::interim),
            Event::Response { exchange, head } => self.with(exchange, |one| one.answered(head.status, stamp)),
            Event::ResponseEnd { exchange, seen } => {
                let end = if seen { stamp.time } else { self.answers().time };
                self.finish_where(|one| one.number == exchange, Some(end), around);
            }
            Event::Reset { exchange } => self.finish_where(|one| one.number == exchange, Some(stamp.time), around),
            Event::Switched { exchange } => {
                around.counts.switched += 1;
                self.finish_where(|one| one.number == exchange, Some(stamp.time), around);
                self.mute(around);
            }
            Event::Lost(reason) => self.lost(reason, stamp, around),
        }
    }

    fn recognised(&mut self, protocol: Protocol, stamp: Stamp, around: &mut Around) {
        match protocol {
            Protocol::Http1 => {}
            Protocol::Http2 if self.is_interleaved => {}
            Protocol::Http2 if around.interleaved < around.bounds.interleaved => {
                self.is_interleaved = true;
                around.interleaved += 1;
                around.wish(Wish::Whole(self.number));
            }
            Protocol::Http2 => {
                around.counts.over_bound += 1;
                self.tell_unreadable(Completeness::Lost, stamp.tgid, stamp.time, around);
                self.mute(around);
            }
            Protocol::Tls | Protocol::FastCgi | Protocol::Other => {
                self.is_over(protocol, stamp.tgid, stamp.time, around);
            }
        }
    }

    fn began(&mut self, number: u64, stamp: Stamp, around: &mut Around) {
        self.is_lost = false;
        if around.under_way >= around.bounds.under_way {
            around.counts.over_bound += 1;
            return;
        }
        around.under_way += 1;
        self.under_way.reserve_exact(usize::from(self.under_way.is_empty()));
        self.under_way.push(UnderWay::new(number, stamp));
    }

    fn lost(&mut self, reason: Lost, stamp: Stamp, around: &mut Around) {
        match reason {
            Lost::Hole => around.counts.holes += 1,
            Lost::Unseen => around.counts.unseen += 1,
            Lost::TooLong | Lost::Malformed | Lost::Unsolicited | Lost::TooMany => around.counts.malformed += 1,
        }
        if self.is_interleaved {
            // Later heads refer to what was lost: whatever comes of this connection goes on unseen.
            self.tell_unreadable(Completeness::Lost, stamp.tgid, stamp.time, around);
            self.mute(around);
            return;
        }
        self.is_lost = true;
        self.under_way.iter_mut().for_each(UnderWay::give_up);
        if self.http.as_ref().is_some_and(|http| http.protocol().is_none()) {
            // Its first bytes are missing. It may still show what it carries, like one that was open before.
            self.http = None;
        }
    }

    /// The connection is over: this many bytes were read and written, the last of them at these times.
    pub(super) fn close(&mut self, time: u64, around: &mut Around) {
        if self.direction.is_some() && self.http.is_some() {
            let mut events = Vec::new();
            if let Some(http) = &mut self.http {
                http.close(&mut events);
            }
            let stamp = Stamp { time: self.answers().time, ..Stamp::default() };
            self.events(events, stamp, around);
        }
        let last = self.answers().time;
        self.finish_where(UnderWay::is_given_up, Some(if last == 0 { time } else { last }), around);
        self.finish_where(|_| true, Some(time), around);
        self.release(around);
    }

    /// Tells what has been under way for too long to be waited for.
    pub(super) fn lose_patience(&mut self, now: u64, around: &mut Around) {
        let before = now.saturating_sub(around.bounds.patience);
        let Some(ends) = self.ends() else { return };
        for one in &mut self.under_way {
            if one.start() < before && !one.is_told() {
                around.counts.unfinished += 1;
                let exchange = one.tell(&ends, None);
                count(&exchange, around);
                around.finish(exchange);
            }
        }
        self.finish_where(|one| one.is_told() && one.is_given_up(), None, around);
    }

    /// Nothing more is expected of this connection.
    pub(super) fn is_over(&mut self, protocol: Protocol, tgid: u32, time: u64, around: &mut Around) {
        let completeness = match protocol {
            Protocol::Tls => {
                around.counts.encrypted += 1;
                Some(Completeness::Encrypted)
            }
            Protocol::FastCgi => {
                around.counts.fast_cgi += 1;
                Some(Completeness::OtherProtocol)
            }
            Protocol::Http1 | Protocol::Http2 | Protocol::Other => {
                around.counts.other += 1;
                None
            }
        };
        if let Some(completeness) = completeness {
            self.tell_unreadable(completeness, tgid, time, around);
        }
        self.mute(around);
    }

    /// What is told of a connection whose bytes say nothing: that there is one. What arrives over it may go on unseen.
    /// Where nobody knows which way requests go, they are taken to leave.
    pub(super) fn tell_unreadable(&self, completeness: Completeness, tgid: u32, start: u64, around: &mut Around) {
        let direction = self.direction.unwrap_or(Direction::Out);
        around.finish(Exchange {
            tgid,
            direction,
            connection: self.number,
            local: self.local,
            remote: self.remote,
            start,
            end: (direction == Direction::Out).then_some(start),
            threads: None,
            head: None,
            status: None,
            completeness,
        });
    }

    pub(super) fn mute(&mut self, around: &mut Around) {
        self.finish_where(|_| true, None, around);
        self.is_muted = true;
        self.release(around);
        around.wish(Wish::Mute(self.number));
    }

    /// Gives back what it holds.
    fn release(&mut self, around: &mut Around) {
        self.http = None;
        while self.held.pop(around).is_some() {}
        around.heads = around.heads.saturating_sub(self.unfinished);
        self.unfinished = 0;
        if std::mem::take(&mut self.is_interleaved) {
            around.interleaved = around.interleaved.saturating_sub(1);
        }
    }

    /// Counts what a head takes whose end has not come; gives the connection up where that is too much for all.
    pub(super) fn weigh(&mut self, way: Way, bytes: usize, around: &mut Around) {
        let is_unfinished = way == Way::Requests && self.under_way.last().is_some_and(|one| !one.has_head());
        let now = if is_unfinished { self.unfinished.saturating_add(bytes) } else { 0 };
        around.heads = around.heads.saturating_sub(self.unfinished).saturating_add(now);
        self.unfinished = now;
        if around.heads > around.bounds.heads && now > 0 {
            around.counts.over_bound += 1;
            self.finish_where(|_| true, None, around);
            self.release(around);
        }
    }

    pub(super) fn finish_where(&mut self, is_over: impl Fn(&UnderWay) -> bool, end: Option<u64>, around: &mut Around) {
        if !self.under_way.iter().any(&is_over) {
            return;
        }
        let Some(ends) = self.ends() else { return };
        let mut at = 0;
        while let Some(one) = self.under_way.get_mut(at) {
            if !is_over(one) {
                at += 1;
                continue;
            }
            if !one.is_told() {
                let exchange = one.tell(&ends, end);
                count(&exchange, around);
                around.finish(exchange);
            }
            self.under_way.remove(at);
            around.under_way = around.under_way.saturating_sub(1);
        }
        // Most connections wait for a request for most of the time.
        if self.under_way.is_empty() {
            self.under_way = Vec::new();
        }
    }

    fn with(&mut self, exchange: u64, then: impl FnOnce(&mut UnderWay)) {
        if let Some(one) = self.under_way.iter_mut().find(|one| one.number == exchange) {
            then(one);
        }
    }

    fn ends(&self) -> Option<Ends> {
        let direction = self.direction?;
        Some(Ends { connection: self.number, direction, local: self.local, remote: self.remote })
    }

    /// The direction of answers.
    pub(super) const fn answers(&self) -> &Half {
        match self.direction {
            Some(Direction::Out) => &self.read,
            _ => &self.written,
        }
    }
}

fn count(exchange: &Exchange, around: &mut Around) {
    match exchange.completeness {
        Completeness::Whole => around.counts.whole += 1,
        Completeness::Lost => around.counts.lost += 1,
        _ => around.counts.truncated += 1,
    }
    around.counts.unanswered += u64::from(exchange.status.is_none());
}
