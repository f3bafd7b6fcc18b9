//! The engine as a whole: small stories, and what has to be said of them.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use std::sync::Arc;

use super::*;
use crate::gap::code::Code;
use crate::gap::judgement::{Confidence, Finding, Hop, Verdict};
use crate::gap::observation::*;
use crate::trace::marker::{Mark, Marker};
use crate::trace::traceparent::{Incoming, TraceparentError};
use crate::trace::tracestate;

mod attribution;
mod calls;
mod losses;
mod properties;
mod statistics;
mod twins;
mod views;

/// When stories begin.
const BEGIN: u64 = 1_764_000_000 * SECOND;

/// A request seen at `shop`, or a call from there to `cart`.
struct Story {
    engine: Engine,
    sequence: u64,
}

impl Story {
    fn new() -> Self {
        Self::with(EngineConfig::default())
    }

    fn with(config: EngineConfig) -> Self {
        Self { engine: Engine::new(config, 1), sequence: 0 }
    }

    /// One in which `cart` is in scope, though nobody observes it.
    fn before_cart() -> Self {
        Self::with(EngineConfig { scope: Scope { peers: vec!["cart".to_owned()] }, ..EngineConfig::default() })
    }

    fn see(&mut self, mut observation: Observation) {
        observation.origin.sequence = self.sequence;
        self.sequence += 1;
        self.engine.observe(observation);
    }

    fn judged(mut self) -> Judgement {
        self.engine.finish();
        self.engine.judgement()
    }
}

/// The only hop from `shop`.
fn hop(judgement: &Judgement) -> Hop {
    let mut hops = judgement.hops.iter().filter(|hop| &*hop.key.service == "shop");
    let hop = hops.next().cloned().unwrap();
    assert!(hops.next().is_none(), "one hop alone");
    hop
}

fn codes(hop: &Hop) -> Vec<(Code, Confidence)> {
    hop.findings.iter().map(|finding| (finding.code, finding.confidence)).collect()
}

fn finding(hop: &Hop, code: Code) -> Finding {
    hop.findings.iter().find(|finding| finding.code == code).cloned().unwrap()
}

/// A request from `at` to `at + lasting`, both in milliseconds since [`BEGIN`], which arrived at a proxy before `service`.
fn arrival(service: &str, at: u64, lasting: u64, context: Context) -> Observation {
    Observation {
        origin: Origin { kind: SourceKind::Proxy, name: "agent".into(), sequence: 0, clock: "host".into() },
        direction: Direction::In,
        service: service.into(),
        process: None,
        epoch: None,
        peer: Peer::default(),
        local: None,
        method: "GET".into(),
        route: "/".into(),
        start: BEGIN + at * MILLI,
        end: Some(BEGIN + (at + lasting) * MILLI),
        context,
        status: Some(200),
        connection: None,
        threads: None,
        completeness: Completeness::Whole,
        synthetic: false,
    }
}

/// A call of `shop` as it arrives at `cart`.
fn call(at: u64, context: Context) -> Observation {
    let peer = Peer { service: Some("shop".into()), resolved: Resolved::Socket, ..Peer::default() };
    Observation { peer, route: "/cart/{}".into(), ..arrival("cart", at, 3, context) }
}

/// A call of `shop` as it leaves.
fn departure(at: u64, context: Context) -> Observation {
    let peer = Peer { service: Some("cart".into()), resolved: Resolved::Address, ..Peer::default() };
    Observation { direction: Direction::Out, peer, route: "/cart/{}".into(), ..arrival("shop", at, 3, context) }
}

/// The headers as a source reads them.
fn context(traceparent: &[&str], tracestate: &[&str]) -> Context {
    let incoming = Incoming::extract(traceparent.iter().map(|line| line.as_bytes()));
    let marker = Marker::default();
    let found = tracestate::inspect(tracestate.iter().map(|line| line.as_bytes()), &marker);
    let is_marked = found.marked && incoming.valid().is_some();
    Context {
        traceparent: traceparent.iter().map(|line| Arc::from(*line)).collect(),
        tracestate: tracestate.iter().map(|line| Arc::from(*line)).collect(),
        problem: match incoming {
            Incoming::Invalid(problem) => Some(problem),
            Incoming::Absent | Incoming::Valid(_) => None,
        },
        mark: MarkSeen(if is_marked { Mark::Other } else { Mark::None }),
        has_tracestate: !tracestate.is_empty(),
        tracestate_kept: true,
        ..Context::default()
    }
}

/// A `traceparent` of the trace of this number.
fn parent(trace: u64, span: u64) -> String {
    format!("00-{trace:032x}-{span:016x}-01")
}

fn marked(trace: u64, span: u64) -> Context {
    context(&[&parent(trace, span)], &["checkly=true"])
}

fn unmarked(trace: u64, span: u64) -> Context {
    context(&[&parent(trace, span)], &[])
}

/// Thread 7 reads the head and writes the answer, and waits for nothing else.
const BLOCKING: Threads = Threads { head: 7, answer: Some(7), waited_elsewhere: Some(false) };

/// An observation of a probe.
fn probed(observation: Observation, threads: Threads) -> Observation {
    let origin = Origin { kind: SourceKind::Probe, name: "probe".into(), ..observation.origin.clone() };
    let process = Some(Process { pid: 42, started: 1 });
    Observation { origin, process, threads: Some(threads), ..observation }
}
