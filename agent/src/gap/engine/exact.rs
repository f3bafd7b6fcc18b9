//! Calls that bear a trace id: judged against the requests of that trace which arrived at the caller.
//!
//! The trace id alone says whose call it is, so one call is proof. What cannot be told apart is left out: where the
//! requests of a trace differ in a property, a call of that trace says nothing about it.

use std::sync::Arc;

use super::Engine;
use super::agenda::Call;
use super::hash::{mix, mix_id};
use super::head::{Head, MarkState, same_state};
use super::hops::{Reading, evidence};
use super::rings::Class;
use super::scope::{Arrived, MEMORY};
use super::sections::{SectionTally, Served};
use super::texts::{Pid, Text};
use crate::gap::code::Code;
use crate::gap::judgement::Attribution;

/// Tallies of processes kept for one hop.
const MAX_TALLIES: usize = 64;

/// What the requests of a trace have in common.
struct Common<'a> {
    /// One of them, which is marked.
    example: &'a Arrived,
    is_marked: bool,
    is_usable: bool,
    is_sampled: bool,
    parent: Option<u64>,
    state: Option<&'a Arc<str>>,
}

impl Engine {
    /// Judges a call that bears at least one trace id.
    pub(super) fn judge_call(&mut self, call: &Call) {
        self.learn_skew(call);
        let Some(scope) = self.scopes.get_mut(call.scope as usize) else { return };
        let difference = self.skew.between(call.clock, scope.clock);
        let time = difference.map_or(call.start, |difference| difference.apply(call.start));
        let slack = difference.map_or(super::REORDER, |difference| difference.slack);
        let known = call.head.traces().find(|trace| !scope.of_trace(*trace).is_empty());
        let requests = known.map_or(&[][..], |trace| scope.of_trace(trace));
        // Two clocks may say of a request that it came after the call that it caused; it takes part in what the
        // requests of the trace have in common nevertheless.
        let all: Vec<Arrived> = requests.to_vec();
        let before: Vec<&Arrived> = all.iter().filter(|request| request.start <= time.saturating_add(slack)).collect();
        let lives =
            |request: &&Arrived| request.process.agrees(call.process) && time <= request.end.saturating_add(slack);
        let counts = |request: &&Arrived| {
            request.is_whole && !request.head.is_malformed && request.head.mark == MarkState::Counts
        };
        let is_live = before.iter().copied().any(|request| lives(&request));
        if let Some(served) = &call.served
            && !is_live
        {
            self.judge_section(call.scope, (call.hop, call.epoch, call.process), served, call.start, Some(&call.head));
        }
        let Some(trace) = known else { return self.judge_foreign(call, difference.map(|_| time)) };
        if !is_live && let Some(state) = self.hops.state(call.hop, call.epoch) {
            state.stale += 1;
        }
        if !before.iter().copied().any(|request| counts(&request)) {
            return;
        }
        self.carried.put(mix_id(u64::from(call.scope), trace), ());
        let Some(scope) = self.scopes.get_mut(call.scope as usize) else { return };
        let place = scope.hop_places.get(&call.hop).copied();
        if let Some(hop) = place.and_then(|place| scope.hops.get_mut(place)) {
            hop.carry(time, trace);
        }
        let Some(state) = self.hops.state(call.hop, call.epoch) else { return };
        if !is_live {
            state.afterwards += 1;
            return;
        }
        // Perhaps only a request that is not marked is under way.
        let Some(example) = before.iter().copied().find(|request| counts(request) && lives(request)) else { return };
        state.during += 1;
        let is_clouded = scope.clouds.any(time, time) || self.losses.any_unforeseen(scope.service, time, time);
        let mut reading = Common::of(&all, example).read(&call.head, is_clouded);
        if difference.is_none() {
            // Whether the request was still under way is not known.
            (reading.judged, reading.broken) = (Vec::new(), Vec::new());
        }
        let arrived = (example.start, &*example.head);
        let out = || (call.head.line(), call.head.state.clone());
        self.hops.count((call.hop, call.epoch), trace, &reading, call.start, || {
            evidence(arrived, call.start, out(), Attribution::Exact)
        });
    }

    /// A call whose trace ids never arrived in its scope, or long ago.
    fn judge_foreign(&mut self, call: &Call, time: Option<u64>) {
        let knows = |trace| self.arrived.get(mix_id(u64::from(call.scope), trace)).is_some();
        let is_known = call.head.traces().any(knows);
        let class = if call.head.is_malformed { Class::Malformed } else { Class::Foreign };
        if is_known && let Some(state) = self.hops.state(call.hop, call.epoch) {
            state.stale += 1;
        }
        if is_known || !(call.is_first || call.head.is_malformed) {
            return;
        }
        let Some(time) = time else { return };
        let Some(scope) = self.scopes.get_mut(call.scope as usize) else { return };
        let Some(place) = scope.hop_places.get(&call.hop).copied() else { return };
        if let Some(hop) = scope.hops.get_mut(place) {
            let over = hop.add(class, time, call.process, Some(call.head.line()));
            self.coverage.over_bound += scope.miss(over);
            self.held += 1;
        }
    }

    /// What a call says that left while its thread was serving a marked request.
    pub(super) fn judge_section(
        &mut self,
        scope: u32,
        (hop, epoch, process): (u32, Text, Pid),
        served: &Served,
        time: u64,
        out: Option<&Head>,
    ) {
        let Served { request: served, is_known } = served;
        let code = match out {
            None => Code::ContextLost,
            Some(head) if head.traces().any(|trace| served.head.traces().any(|own| own == trace)) => return,
            Some(head) if head.is_malformed => return,
            Some(head) => {
                let knows = |trace| self.arrived.get(mix_id(u64::from(scope), trace)).is_some();
                if head.traces().any(knows) { Code::Stale } else { Code::TraceRestarted }
            }
        };
        let key = mix_id(mix(&[u64::from(hop), u64::from(epoch.0)]), served.head.trace);
        let before = self.sectioned.get(key).unwrap_or_default();
        let bit = 1 << code as u16;
        if before & bit != 0 {
            return;
        }
        self.sectioned.put(key, before | bit);
        let turn = self.sections.turn(process);
        // It may be the trace of a request that nobody saw.
        let is_sure = code != Code::TraceRestarted || (*is_known && self.has_seen_all(scope, time));
        let Some(state) = self.hops.state(hop, epoch) else { return };
        if !state.sections.iter().any(|known| known.process == process) && state.sections.len() < MAX_TALLIES {
            state.sections.push(SectionTally { process, turn, tallies: Vec::new() });
        }
        let Some(known) = state.sections.iter_mut().find(|known| known.process == process) else { return };
        if known.turn != turn {
            (known.turn, known.tallies) = (turn, Vec::new());
        }
        let context = out.map_or_else(|| (Arc::default(), None), |head| (head.line(), head.state.clone()));
        let evidence = evidence((served.start, &served.head), time, context, Attribution::Section);
        if let Some(tally) = known.tally(code) {
            tally.add(time, evidence);
            tally.unsure += u64::from(!is_sure);
        }
    }

    /// Whether no request of the scope went by unseen whose trace may still be sent.
    fn has_seen_all(&self, scope: u32, time: u64) -> bool {
        let scope = self.scopes.get(scope as usize);
        scope.is_some_and(|scope| !self.losses.any(scope.service, time.saturating_sub(MEMORY), time))
    }

    /// A trace that one request alone brought, and a call that bears it: that compares two clocks.
    fn learn_skew(&mut self, call: &Call) {
        let Some(scope) = self.scopes.get(call.scope as usize).filter(|scope| scope.clock != call.clock) else {
            return;
        };
        let [request] = scope.of_trace(call.head.trace) else { return };
        if let Some(end) = call.end
            && request.end > request.start
        {
            self.skew.learn(call.clock, scope.clock, (call.start, end), (request.start, request.end));
        }
    }
}

impl<'a> Common<'a> {
    /// What these requests of one trace agree on.
    fn of(requests: &'a [Arrived], example: &'a Arrived) -> Self {
        let all =
            |agrees: &dyn Fn(&Head) -> bool| requests.iter().all(|request| request.is_whole && agrees(&request.head));
        let first = &example.head;
        let state = first
            .state
            .as_ref()
            .filter(|own| all(&|head| head.state.as_ref().is_some_and(|state| same_state(state, own))));
        Self {
            example,
            is_marked: all(&|head| matches!(head.mark, MarkState::Counts | MarkState::There)),
            // A `tracestate` that was not kept may have been one that no receiver has to take.
            is_usable: all(&|head| !head.is_malformed && (head.state.is_some() || !head.has_state)),
            is_sampled: all(&|head| head.is_sampled),
            parent: Some(first.parent).filter(|parent| *parent != 0 && all(&|head| head.parent == *parent)),
            state,
        }
    }

    /// What the call says. `is_clouded`: a request may have been under way of which the trace is not known.
    fn read(&self, out: &Head, is_clouded: bool) -> Reading {
        let mut reading = Reading::default();
        let mut judge = |code: Code, is_judged: bool, is_broken: bool| {
            if is_judged {
                reading.judged.push(code);
            }
            if is_judged && is_broken {
                reading.broken.push(code);
            }
        };
        let is_marked = matches!(out.mark, MarkState::Counts | MarkState::There);
        let is_usable = !out.is_malformed;
        judge(Code::MalformedOut, self.is_usable && !is_clouded, !is_usable);
        judge(Code::MarkLost, self.is_marked && !is_clouded && out.mark != MarkState::Unknown, !is_marked);
        judge(Code::SampledCleared, self.is_sampled && !is_clouded && is_usable, !out.is_sampled);
        judge(Code::ForwardedVerbatim, self.parent.is_some() && is_usable, self.parent == Some(out.parent));
        if let (Some(before), Some(after), true) = (self.state, &out.state, is_marked && is_usable) {
            judge(Code::TracestateChanged, !is_clouded, !same_state(before, after));
        }
        judge(Code::LeftScope, true, true);
        reading.is_forwarded = is_usable && is_marked && self.example.is_whole;
        reading
    }
}
