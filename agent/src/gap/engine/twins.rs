//! Finds the sightings that tell of one thing: a call as it left and as it arrived, a request before a proxy and behind
//! it. Each is counted once, with what the better witness saw of it.
//!
//! Sightings come here in order, and stay for a while, so that both of a pair are here at once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hash::{IdMap, Seeded, mix, mix_id};
use super::head::{Head, MarkState};
use super::sighting::Sighting;
use super::{MILLI, SECOND};
use crate::gap::observation::{Completeness, Direction, Resolved, SourceKind};

/// How long a sighting waits for another one of the same, in nanoseconds.
pub(super) const PATIENCE: u64 = 2 * SECOND;
/// A witness may have been held up for so long, in nanoseconds, before it looked at the clock.
const LATE: u64 = 5 * MILLI;
/// Proxies alone see nothing twice. Their sightings are looked through while there are others, and for so long after, in
/// nanoseconds.
const WATCHED: u64 = 60 * SECOND;
/// Sightings that are compared with a new one.
const MOST_COMPARED: usize = 64;
/// Translations of addresses that are remembered.
const MOST_TRANSLATED: usize = 1 << 12;

/// Sightings that wait.
#[derive(Debug)]
pub(super) struct Twins {
    queue: VecDeque<Waiting>,
    /// The number of the first in the queue.
    first: u64,
    /// Until when there is somebody beside the proxies.
    watched: u64,
    /// Numbers of those that have found nobody yet, by what they have in common.
    alone: IdMap<u64, VecDeque<u64>>,
    /// Ends that were called, and what they are where the call arrives: addresses are translated on the way.
    translated: IdMap<u64, u64>,
}

#[derive(Debug)]
struct Waiting {
    sighting: Box<Sighting>,
    ties: [Option<Tie>; 2],
}

/// What two sightings of one thing have in common.
#[derive(Debug, Clone, Copy)]
struct Tie {
    key: u64,
    role: Role,
}

/// Which part a sighting has in a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A call as it left its service, and as it arrived.
    Left,
    Arrived,
    /// A request before a proxy, and behind it at the service.
    Before,
    Behind,
    /// A call as it left its service, and as the egress listener took it.
    Sent,
    Taken,
}

impl Twins {
    /// None waits.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            first: 0,
            watched: 0,
            alone: IdMap::with_hasher(Seeded(seed)),
            translated: IdMap::with_hasher(Seeded(seed)),
        }
    }

    /// Takes one in, which began no sooner than those before.
    pub(super) fn enter(&mut self, mut sighting: Box<Sighting>) {
        if sighting.kind != SourceKind::Proxy {
            if self.watched < sighting.start {
                self.tie_all();
            }
            self.watched = sighting.start.saturating_add(WATCHED);
        }
        let mut ties = if sighting.start <= self.watched { ties(&sighting) } else { [None, None] };
        let number = self.first + self.queue.len() as u64;
        for tie in &mut ties {
            let Some(known) = tie else { continue };
            match self.find(&sighting, *known) {
                Some((found, other)) => {
                    let ends = called(known.role, &sighting, &found.sighting);
                    join(known.role, &mut sighting, &mut found.sighting);
                    found.ties.iter_mut().for_each(|tie| {
                        tie.take_if(|tie| tie.key == known.key);
                    });
                    self.part(known.key, other);
                    self.translate(ends);
                    *tie = None;
                }
                None => self.alone.entry(known.key).or_default().push_back(number),
            }
        }
        self.queue.push_back(Waiting { sighting, ties });
    }

    /// Those who came before there was anybody beside the proxies.
    fn tie_all(&mut self) {
        for (number, waiting) in (self.first..).zip(&mut self.queue) {
            if waiting.ties.iter().all(Option::is_none) && waiting.sighting.is_untold() {
                waiting.ties = ties(&waiting.sighting);
                let keys = waiting.ties.iter().flatten().map(|tie| tie.key);
                keys.for_each(|key| self.alone.entry(key).or_default().push_back(number));
            }
        }
    }

    /// The next one for which nobody is waited any more at this time.
    pub(super) fn leave(&mut self, now: u64) -> Option<Box<Sighting>> {
        let is_due = |waiting: &mut Waiting| waiting.sighting.start.saturating_add(PATIENCE) <= now;
        let left = self.queue.pop_front_if(is_due)?;
        let number = self.first;
        self.first += 1;
        left.ties.iter().flatten().for_each(|tie| self.part(tie.key, number));
        Some(left.sighting)
    }

    /// Who waits for this one: of several the one that began last. One that perhaps went elsewhere is taken only where
    /// there is no other.
    fn find(&mut self, sighting: &Sighting, tie: Tie) -> Option<(&mut Waiting, u64)> {
        let numbers = self.alone.get(&tie.key)?;
        let first = self.first;
        let place = |number: u64| usize::try_from(number.checked_sub(first)?).ok();
        let fitting = numbers.iter().rev().take(MOST_COMPARED).filter_map(|number| {
            let other = self.queue.get(place(*number)?)?;
            let known = other.ties.iter().flatten().find(|known| known.key == tie.key)?;
            let fits = known.role == tie.role.other() && fit(tie.role, sighting, &other.sighting);
            let is_sure = fits.then(|| self.is_one_place(tie.role, sighting, &other.sighting))??;
            Some((is_sure, called(tie.role, sighting, &other.sighting), *number))
        });
        let mut perhaps = None;
        let mut are_several = false;
        let mut sure = None;
        for (is_sure, ends, number) in fitting {
            if is_sure {
                sure = Some(number);
                break;
            }
            let (known, _) = *perhaps.get_or_insert((ends, number));
            are_several |= known != ends;
        }
        let (_, perhaps) = perhaps.filter(|_| !are_several).unzip();
        let number = sure.or(perhaps)?;
        Some((self.queue.get_mut(place(number)?)?, number))
    }

    /// Whether the place that was called is the one that was reached, and for sure; `None` where it is not. Two calls
    /// from one end to different places look alike unless they bear a context.
    fn is_one_place(&self, role: Role, one: &Sighting, other: &Sighting) -> Option<bool> {
        let Some((to, at)) = called(role, one, other) else { return Some(true) };
        let has_trace = |sighting: &Sighting| sighting.head.as_ref().is_some_and(|head| head.trace != 0);
        let is_sure = to == at || self.translated.get(&to) == Some(&at);
        (is_sure || (has_trace(one) && has_trace(other))).then_some(is_sure)
    }

    fn translate(&mut self, ends: Option<(u64, u64)>) {
        if let Some((to, at)) = ends.filter(|(to, at)| to != at) {
            if self.translated.len() >= MOST_TRANSLATED {
                self.translated.clear();
            }
            self.translated.insert(to, at);
        }
    }

    /// This one has found somebody, or waits no more.
    fn part(&mut self, key: u64, number: u64) {
        let Some(numbers) = self.alone.get_mut(&key) else { return };
        numbers.retain(|known| *known != number);
        if numbers.is_empty() {
            self.alone.remove(&key);
        }
    }
}

impl Role {
    const fn other(self) -> Self {
        match self {
            Self::Left => Self::Arrived,
            Self::Arrived => Self::Left,
            Self::Before => Self::Behind,
            Self::Behind => Self::Before,
            Self::Sent => Self::Taken,
            Self::Taken => Self::Sent,
        }
    }
}

/// Of a call that left and one that arrived: the end that was called, and the one that was reached.
fn called(role: Role, one: &Sighting, other: &Sighting) -> Option<(u64, u64)> {
    match role {
        Role::Left => Some((one.other_end, other.own_end)),
        Role::Arrived => Some((other.other_end, one.own_end)),
        _ => None,
    }
}

/// What another sighting of the same would have in common with this one.
fn ties(sighting: &Sighting) -> [Option<Tie>; 2] {
    let is_proxy = sighting.kind == SourceKind::Proxy;
    let [clock, service] = [sighting.clock, sighting.service].map(|text| u64::from(text.0));
    let tie = |end: u64, key: u64, role: Role| (end != 0).then_some(Tie { key, role });
    let connection = |end: u64, role: Role| tie(end, mix(&[clock, end]), role);
    let egress = |end: u64, role: Role| tie(end, mix(&[clock, end, service]), role);
    match (sighting.direction, is_proxy) {
        (Direction::In, true) => [connection(sighting.other_end, Role::Arrived), request(sighting, Role::Before)],
        (Direction::In, false) => [connection(sighting.other_end, Role::Arrived), request(sighting, Role::Behind)],
        (Direction::Out, true) => [egress(sighting.own_end, Role::Taken), None],
        (Direction::Out, false) => [connection(sighting.own_end, Role::Left), egress(sighting.own_end, Role::Sent)],
    }
}

/// A request at its service, by its context as the service was given it; without one, by its route.
fn request(sighting: &Sighting, role: Role) -> Option<Tie> {
    // Who is known to have called the service itself did not call its proxy.
    let is_direct = matches!(sighting.peer.resolved, Resolved::Socket | Resolved::Egress);
    if role == Role::Behind && is_direct {
        return None;
    }
    let [clock, service, method, route] =
        [sighting.clock, sighting.service, sighting.method, sighting.route].map(|text| u64::from(text.0));
    let place = mix(&[clock, service, method]);
    let key = match sighting.given() {
        Some(head) if head.trace != 0 => mix_id(mix(&[place, head.parent, u64::from(is_marked(head))]), head.trace),
        head => mix(&[place, route, u64::from(head.is_some())]),
    };
    Some(Tie { key, role })
}

fn is_marked(head: &Head) -> bool {
    matches!(head.mark, MarkState::Counts | MarkState::There)
}

/// Whether the two can be of one thing. The first has this role.
fn fit(role: Role, one: &Sighting, other: &Sighting) -> bool {
    let (before, after) = match role {
        Role::Left | Role::Before | Role::Sent => (one, other),
        Role::Arrived | Role::Behind | Role::Taken => (other, one),
    };
    let end = before.end.unwrap_or(u64::MAX);
    let is_within = before.start <= after.start.saturating_add(LATE) && after.start <= end;
    let context = |sighting: &Sighting| sighting.head.as_ref().map(|head| (head.trace, head.parent));
    let is_same = match role {
        // The key has said it.
        Role::Before | Role::Behind => true,
        // A forward proxy is told more than a path.
        Role::Sent | Role::Taken => before.method == after.method,
        Role::Left | Role::Arrived => {
            (before.method, before.route, context(before)) == (after.method, after.route, context(after))
        }
    };
    is_within && is_same
}

/// Puts together what both saw. The first has this role.
fn join(role: Role, one: &mut Sighting, other: &mut Sighting) {
    match role {
        Role::Left => met(one, other),
        Role::Arrived => met(other, one),
        Role::Before => relayed(one, other),
        Role::Behind => relayed(other, one),
        Role::Sent => taken(one, other),
        Role::Taken => taken(other, one),
    }
}

/// One connection: who called is known for certain, and whom.
fn met(left: &mut Sighting, arrived: &mut Sighting) {
    arrived.tells.calls = false;
    left.tells.calls = true;
    left.is_met = true;
    left.peer.name = arrived.service;
    left.peer.is_service = true;
    complete(left, arrived.head.as_ref(), arrived.completeness);
}

/// The proxy knows who called, and whether the mark counts; what the process did, only the witness within knows.
fn relayed(before: &mut Sighting, behind: &mut Sighting) {
    before.tells.arrives = false;
    (behind.tells.is_counted, behind.tells.calls) = (false, false);
    let given = before.given();
    complete(behind, given, before.completeness);
    if let (Some(given), Some(head)) = (given, &mut behind.head)
        && given.mark != head.mark
    {
        Arc::make_mut(head).mark = given.mark;
    }
}

/// What one did not see whole, the other did. Of a head without a context, it may be another one that is missing.
fn complete(sighting: &mut Sighting, head: Option<&Arc<Head>>, completeness: Completeness) {
    if let (Some(head), Completeness::Whole, false) = (head, completeness, sighting.is_whole()) {
        (sighting.head, sighting.completeness) = (Some(head.clone()), Completeness::Whole);
    }
}

/// The egress listener knows whom it called; who called it, the other one.
fn taken(sent: &mut Sighting, by: &mut Sighting) {
    by.tells.calls = false;
    sent.tells.calls = true;
    sent.peer = by.peer;
    (sent.method, sent.route) = (by.method, by.route);
    (sent.head, sent.completeness) = (by.head.clone(), by.completeness);
}
