//! One run from its plan: graph, observers, simulation.

use super::build;
use super::chance::Nanos;
use super::deliver::{Delivery, Sink};
use super::graph::Graph;
use super::plan::{Plan, Scene};
use super::sight::{Sight, View};
use super::sim::{Course, Sim};
use super::truth::Truth;
use crate::random::Random;

/// Simulates what the plan says, tells the sink what observers saw, and gives back what really happened.
pub fn simulate<S: Sink>(plan: &Plan, sink: &mut S) -> Truth {
    simulate_many(plan, plan.services(), plan.length(), sink)
}

/// The same with another number of services under test, and another length.
pub fn simulate_many<S: Sink>(plan: &Plan, tested: usize, until: Nanos, sink: &mut S) -> Truth {
    let mut random = random(plan);
    let graph = build::graph(plan, tested, &mut random);
    let views: Vec<View> = graph.services.iter().map(|_| *random.pick(plan.scene.views())).collect();
    let is_deployed = plan.scene == Scene::Deployed;
    let by_socket = random.percent(50);
    let keeps_invalid = random.percent(75);
    let knows_epoch = is_deployed || random.percent(50);
    let sight = Sight::new(views, by_socket, keeps_invalid, knows_epoch, graph.clocks.len());
    let sight = if plan.scene.tells_ends() { sight.with_ends(plan.scene.is_gated(), &mut random) } else { sight };
    let course = Course { until, deployed: is_deployed.then_some(until / 2), has_scope: plan.has_scope() };
    let delivery = Delivery::new(sink, plan.scene.damage(), Random::new(random.bits()));
    Sim::new(&graph, course, random, sight, delivery).run()
}

/// The graph that a plan simulates, to be looked at.
#[must_use]
pub fn graph(plan: &Plan) -> Graph {
    build::graph(plan, plan.services(), &mut random(plan))
}

fn random(plan: &Plan) -> Random {
    Random::new(plan.seed ^ (plan.scene as u64) << 56 ^ u64::from(plan.load) << 40)
}
