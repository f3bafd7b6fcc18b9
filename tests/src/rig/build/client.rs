//! Who asks the services, and what they do by themselves.

use crate::random::Random;
use crate::rig::chance::{Arrivals, SECOND, between, chance, seconds};
use crate::rig::graph::{Client, ClientKind, Graph, Route, Task};
use crate::rig::plan::{Plan, Scene};

/// Users, checks and the rest for every service under test.
pub(super) fn clients(plan: &Plan, graph: &mut Graph, tested: usize, random: &mut Random) {
    for service in 0..tested {
        let routes: Vec<usize> = (0..graph.services[service].routes.len()).collect();
        let timeout = seconds(*random.pick(&[2.0, 5.0, 30.0]));
        let usual = usual(&graph.services[service].routes, random);
        let mut add = |kind, arrivals, page, routes: &[usize]| {
            let is_check = matches!(kind, ClientKind::Check);
            let companions = if is_check && plan.scene == Scene::Companions { 1 + service % 3 } else { 0 };
            let routes = routes.to_vec();
            graph.clients.push(Client { kind, service, routes, arrivals, page, companions, timeout });
        };
        users(plan, random, &usual, &mut add);
        // A check asks for something; that the service lives is asked by others.
        let calling: Vec<usize> = routes.iter().copied().filter(|route| *route < 3).collect();
        let (least, most) = plan.period();
        let period = between(random, least, most);
        let phase = between(random, 1.0, 4.0);
        let scheduled = Arrivals::Every { period, phase, jitter: 0.02 };
        match plan.scene {
            scene if scene.is_challenge() => {
                add(
                    ClientKind::Challenge(pairs(plan, random)),
                    scheduled,
                    1,
                    &calling[..1 + random.below(calling.len())],
                );
            }
            Scene::Pages => {
                let slower = Arrivals::Every { period: period * 2.0, phase, jitter: 1.0 };
                add(ClientKind::Check, slower, 60, &routes);
            }
            Scene::AtRandom | Scene::Healthy if random.percent(50) => {
                add(ClientKind::Check, Arrivals::Poisson(1.0 / period), 1, &calling);
            }
            _ => add(ClientKind::Check, scheduled, 1, &calling),
        }
        // The times of a schedule cannot tell such work from the checks' own; where no finding is allowed there is none.
        let in_phase = match plan.scene {
            Scene::Cron => 0.6,
            scene if scene.is_healthy() => 0.0,
            _ => 0.02,
        };
        if !plan.scene.is_challenge() && chance(random, in_phase) {
            let calls = graph.services[service].calls.len();
            let phase = phase + between(random, 0.0, 0.04);
            let arrivals = Arrivals::Every { period, phase, jitter: 0.02 };
            let task = Task { arrivals, call: random.below(calls), in_worker: chance(random, 0.5) };
            graph.services[service].tasks.push(task);
        }
    }
}

/// What people ask for. Routes that are handed over are often so rare that the others hide them.
fn usual(routes: &[Route], random: &mut Random) -> Vec<usize> {
    let rare = if random.percent(70) { 1 } else { 60 };
    let share = |route: &Route| if route.is_handed_over { rare } else { 60 };
    routes.iter().enumerate().flat_map(|(place, route)| vec![place; share(route)]).collect()
}

/// Unmarked load of every shape, and now and then a monitor without its mark or a forger with it.
fn users(
    plan: &Plan,
    random: &mut Random,
    routes: &[usize],
    add: &mut impl FnMut(ClientKind, Arrivals, usize, &[usize]),
) {
    let load = f64::from(plan.load);
    let traced = *random.pick(&[0.0, 0.0, 0.2, 0.9]);
    let users = ClientKind::Users(traced);
    match random.below(5) {
        0 => {
            let (calm, busy) = (load * 0.6, load * 2.2);
            add(users, Arrivals::Modulated { calm, busy, calm_for: 12.0, busy_for: 4.0 }, 1, routes);
        }
        1 => {
            let size = between(random, 3.0, 20.0);
            add(users.clone(), Arrivals::Volleys { rate: load * 0.4 / size, size }, 1, routes);
            add(users, Arrivals::Poisson(load * 0.6), 1, routes);
        }
        2 => {
            // Page loads of people: many requests with one trace id, or none.
            add(users.clone(), Arrivals::Poisson(load * 0.5 / 60.0), 60, routes);
            add(users, Arrivals::Poisson(load * 0.5), 1, routes);
        }
        _ => add(users, Arrivals::Poisson(load), 1, routes),
    }
    if chance(random, 0.1) {
        add(ClientKind::Unmarked, Arrivals::Every { period: 7.0, phase: 0.5, jitter: 0.1 }, 1, routes);
    }
    if chance(random, 0.1) {
        add(ClientKind::Forger, Arrivals::Poisson(0.3), 1, routes);
    }
}

/// Pairs of random times, which of the two is marked drawn by lot.
fn pairs(plan: &Plan, random: &mut Random) -> Vec<(u64, u64)> {
    let count = 12 + random.below(28) as u64;
    let slot = (plan.length() - 20 * SECOND) / count;
    (0..count)
        .map(|place| {
            let from = 10 * SECOND + place * slot;
            let first = from + (random.bits() % (slot / 2));
            let second = from + slot / 2 + (random.bits() % (slot / 2));
            if random.percent(50) { (first, second) } else { (second, first) }
        })
        .collect()
}

/// When a task is due.
pub(super) fn background(random: &mut Random) -> Arrivals {
    match random.below(4) {
        0 => Arrivals::Poisson(between(random, 0.1, 5.0)),
        1 => Arrivals::Volleys { rate: between(random, 0.05, 0.3), size: between(random, 2.0, 30.0) },
        _ => Arrivals::Every { period: between(random, 0.3, 10.0), phase: between(random, 0.0, 5.0), jitter: 0.05 },
    }
}

/// Arrivals a second.
pub(super) fn rate(arrivals: Arrivals) -> f64 {
    match arrivals {
        Arrivals::Poisson(rate) => rate,
        Arrivals::Modulated { calm, busy, calm_for, busy_for } => {
            (calm * calm_for + busy * busy_for) / (calm_for + busy_for)
        }
        Arrivals::Volleys { rate, size } => rate * size,
        Arrivals::Every { period, .. } => 1.0 / period,
    }
}
