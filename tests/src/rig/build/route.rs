//! Routes as programs of computing, waiting and calling.

use super::behaviour;
use crate::random::Random;
use crate::rig::chance::{Span, between, chance};
use crate::rig::graph::{CallSpec, Route, Service, Step};
use crate::rig::plan::Plan;

/// Routes of every leaf.
const LEAF_ROUTES: [(&str, &str); 3] = [("GET", "/item/{}"), ("POST", "/item"), ("GET", "/list")];
const ROUTES: [(&str, &str); 4] = [("GET", "/"), ("POST", "/order"), ("GET", "/order/{}"), ("GET", "/find")];

/// What a leaf serves: quick, with a tail.
pub(super) fn leaf_routes(random: &mut Random) -> Vec<Route> {
    let route = |(method, template): &(&str, &str), random: &mut Random| {
        let wait = Span::LogNormal(between(random, 1.0, 12.0), between(random, 0.3, 1.0));
        let steps = vec![Step::Compute(Span::Exponential(0.3)), Step::Wait(wait)];
        Route { method: (*method).into(), template: (*template).into(), steps, is_handed_over: false }
    };
    LEAF_ROUTES.iter().map(|pair| route(pair, random)).collect()
}

/// Routes of a service under test, and the calls they make to services behind it.
pub(super) fn routes(
    plan: &Plan,
    place: usize,
    tested: usize,
    services: &[Service],
    random: &mut Random,
) -> (Vec<Route>, Vec<CallSpec>) {
    let mut calls = Vec::new();
    let count = 1 + random.below(3);
    let mut routes: Vec<Route> = ROUTES
        .iter()
        .take(count)
        .map(|(method, template)| {
            let steps = steps(plan, place, tested, services.len(), &mut calls, random);
            let is_handed_over = chance(random, 0.07);
            Route { method: (*method).into(), template: (*template).into(), steps, is_handed_over }
        })
        .collect();
    if chance(random, 0.4) {
        // Most of what some services do is answering that they live.
        let steps = vec![Step::Compute(Span::Fixed(0.1))];
        routes.push(Route { method: "GET".into(), template: "/live".into(), steps, is_handed_over: false });
    }
    (routes, calls)
}

fn steps(
    plan: &Plan,
    place: usize,
    tested: usize,
    all: usize,
    calls: &mut Vec<CallSpec>,
    random: &mut Random,
) -> Vec<Step> {
    let compute = |random: &mut Random| {
        Step::Compute(match random.below(3) {
            0 => Span::Exponential(between(random, 0.1, 0.8)),
            1 => Span::LogNormal(between(random, 0.1, 0.6), 0.8),
            _ => Span::Either(0.2, 6.0, 0.03),
        })
    };
    let mut add = |random: &mut Random| {
        let peer = match random.below(20) {
            0 => all - 1,
            1..=6 if place + 1 < tested => place + 1 + random.below(tested - place - 1),
            _ => tested + random.below(all - 1 - tested),
        };
        // Services under test have fewer routes than leaves, or more; the first is always there.
        let route = if peer < tested { 0 } else { random.below(LEAF_ROUTES.len()) };
        calls.push(behaviour::call(plan, peer, route, random));
        (calls.len() - 1, peer >= tested)
    };
    let mut steps = vec![compute(random)];
    for _ in 0..=random.below(3) {
        if chance(random, 0.4) {
            steps.push(Step::Wait(match random.below(4) {
                0 => Span::Pareto(3.0, 1.3, 4000.0),
                1 => Span::Either(2.0, between(random, 100.0, 600.0), 0.05),
                _ => Span::LogNormal(between(random, 3.0, 30.0), between(random, 0.4, 1.2)),
            }));
        }
        let (call, calls_leaf) = add(random);
        match random.below(10) {
            0 => steps.push(Step::Call(vec![call, add(random).0])),
            1 if calls_leaf => steps.extend(vec![Step::Call(vec![call]); 2 + random.below(4)]),
            _ => steps.push(Step::Call(vec![call])),
        }
        steps.push(compute(random));
    }
    if chance(random, 0.1) {
        steps.push(Step::Enqueue(add(random).0));
    }
    if chance(random, 0.15) {
        steps.push(Step::Answer);
        if chance(random, 0.5) {
            steps.push(Step::Wait(Span::LogNormal(15.0, 1.0)));
        }
        let call = if chance(random, 0.5) { random.below(calls.len()) } else { add(random).0 };
        steps.push(Step::Call(vec![call]));
    }
    steps
}

/// Milliseconds that a route takes about.
pub(super) fn mean(route: &Route, service: &Service, services: &[Service]) -> f64 {
    let called = |spec: &CallSpec| {
        let peer = &services[spec.peer];
        0.5 + peer.routes.get(spec.route).map_or(0.0, |route| mean(route, peer, services)) * spec.probability
    };
    let step = |step: &Step| match step {
        Step::Compute(span) | Step::Wait(span) => span.mean(),
        Step::Call(specs) => specs.iter().map(|spec| called(&service.calls[*spec])).fold(0.0, f64::max),
        Step::Answer | Step::Enqueue(_) => 0.0,
    };
    route.steps.iter().map(step).sum()
}

/// Milliseconds of computing.
pub(super) fn computing(route: &Route) -> f64 {
    route.steps.iter().map(|step| if let Step::Compute(span) = step { span.mean() } else { 0.0 }).sum()
}
