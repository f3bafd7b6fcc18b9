//! Random service graphs: servers of every kind, sized for their load, with programs that call each other.

mod behaviour;
mod client;
mod route;

use super::chance::{Span, between, chance};
use super::graph::{Graph, Model, Route, Service, Step, Task};
use super::plan::{Plan, Scene};
use crate::random::Random;

/// A graph for this plan with so many services under test, which come first; then leaves, then a host nobody observes.
#[must_use]
pub fn graph(plan: &Plan, tested: usize, random: &mut Random) -> Graph {
    let leaves = tested / 2 + 2;
    let hosts = if plan.scene == Scene::Clocks { 3 } else { 1 };
    let mut services: Vec<Service> = (0..=tested + leaves)
        .map(|place| {
            let name = match place {
                place if place < tested => format!("service-{place}"),
                place if place < tested + leaves => format!("leaf-{}", place - tested),
                _ => "api.example".to_owned(),
            };
            let host = random.below(hosts);
            let routes = route::leaf_routes(random);
            let is_behind_nat = plan.scene == Scene::Nat && place < tested && chance(random, 0.5);
            Service { host, is_seen: place < tested + leaves, is_behind_nat, ..empty(&name, routes) }
        })
        .collect();
    // Backwards, so that what is called is known before its callers.
    for place in (0..tested).rev() {
        let (routes, calls) = route::routes(plan, place, tested, &services, random);
        (services[place].routes, services[place].calls) = (routes, calls);
        furnish(plan, &mut services, place, tested + leaves, random);
    }
    let mut graph = Graph { services, clients: Vec::new(), clocks: vec![0] };
    if hosts > 1 {
        let skew = *random.pick(&[1.0, 20.0, 400.0]);
        graph.clocks = (0..hosts).map(|_| (between(random, -skew, skew) * 1e6) as i64).collect();
    }
    client::clients(plan, &mut graph, tested, random);
    size(plan, &mut graph, tested, random);
    graph
}

/// Work beside requests, pauses, connections.
fn furnish(plan: &Plan, services: &mut [Service], place: usize, seen: usize, random: &mut Random) {
    let (service, later) = services[place..seen].split_first_mut().expect("it is one of them");
    service.starts_roots = chance(random, 0.2);
    if chance(random, 0.3) {
        service.pause = Some((between(random, 5.0, 60.0), Span::LogNormal(60.0, 0.8)));
    }
    service.pool = *random.pick(&[4, 16, 64, 10_000]);
    service.strain = between(random, 8.0, 200.0);
    for _ in 0..random.below(3) {
        let call = if chance(random, 0.5) && !service.calls.is_empty() {
            // The worst case: the same hop as a request's call.
            let mut same = random.pick(&service.calls).clone();
            (same.cache, same.single_flight, same.probability) = (None, false, 1.0);
            same
        } else {
            let peer = random.below(later.len());
            behaviour::call(plan, place + 1 + peer, random.below(later[peer].routes.len()), random)
        };
        service.calls.push(call);
        let call = service.calls.len() - 1;
        let arrivals = client::background(random);
        service.tasks.push(Task { arrivals, call, in_worker: chance(random, 0.3) });
    }
}

/// Servers that can bear their load, some of them barely.
fn size(plan: &Plan, graph: &mut Graph, tested: usize, random: &mut Random) {
    let mut rates = vec![0.0; graph.services.len()];
    for place in 0..graph.services.len() {
        if place < tested {
            rates[place] += f64::from(plan.load) + 1.0;
        }
        let service = &graph.services[place];
        let rate: f64 = rates[place];
        let share = 1.0 / service.routes.len() as f64;
        let (mut work, mut computing) = (0.0, 0.0);
        for route in &service.routes {
            work += share * route::mean(route, service, &graph.services);
            computing += share * route::computing(route);
            for step in &route.steps {
                let specs = if let Step::Call(specs) = step { specs.as_slice() } else { &[] };
                for spec in specs.iter().map(|spec| &service.calls[*spec]) {
                    rates[spec.peer] += rate * share * spec.probability;
                }
            }
        }
        for task in &service.tasks {
            rates[service.calls[task.call].peer] += client::rate(task.arrivals);
        }
        let model = model(rate, work, computing, random);
        let is_leaf = place >= tested;
        let service = &mut graph.services[place];
        service.model = if is_leaf { Model::PerRequest { new: false } } else { model };
    }
}

/// A kind of server for so many requests a second that take so many milliseconds each, so many of them computing.
fn model(rate: f64, work: f64, computing: f64, random: &mut Random) -> Model {
    let workers = (rate * work / 1000.0 * between(random, 1.5, 4.0)).ceil() as usize + random.below(3) + 1;
    match random.below(12) {
        0 if workers <= 3 => Model::PreFork(1),
        0..=2 => Model::PreFork(workers.max(2)),
        3 | 4 => Model::PerRequest { new: random.percent(40) },
        5..=7 if rate * computing / 1000.0 < 0.7 => Model::Loop(1),
        5..=7 => Model::Loop((rate * computing / 500.0).ceil() as usize + 1),
        8 => Model::Scheduler(4 + random.below(8)),
        _ => Model::Pool { threads: workers.max(2), queue: 10 + random.below(200), acceptor: random.percent(30) },
    }
}

fn empty(name: &str, routes: Vec<Route>) -> Service {
    Service {
        name: name.into(),
        is_seen: true,
        host: 0,
        model: Model::PerRequest { new: false },
        routes,
        calls: Vec::new(),
        tasks: Vec::new(),
        pause: None,
        pool: 10_000,
        strain: 500.0,
        starts_roots: false,
        is_behind_nat: false,
    }
}
