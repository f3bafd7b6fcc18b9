//! Many runs: which, how many of each, and on how many threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::judge::judge;
use super::plan::{Plan, Scene};
use super::score::Tally;

/// Loads, in unmarked requests a second at each service.
pub const LOADS: [u32; 5] = [1, 10, 50, 100, 200];

/// Runs of every scene at every load, a seed for each: `runs` times what a table needs. There are many at low loads,
/// where one takes no time, and more of faithful services, which are of interest only where they are busy.
#[must_use]
pub fn plans(scenes: &[Scene], loads: &[u32], runs: u64, seed: u64) -> Vec<Plan> {
    let mut plans = Vec::new();
    for run in 0..runs * MOST {
        for &scene in scenes {
            for &load in loads {
                if run < runs * seeds(scene, load) {
                    plans.push(Plan { scene, load, seed: seed + run });
                }
            }
        }
    }
    plans
}

/// Seeds of one scene at one load at most.
const MOST: u64 = 96;

const fn seeds(scene: Scene, load: u32) -> u64 {
    // Some findings are only made by thread evidence or by a challenge.
    let times = match scene {
        Scene::Probe => 4,
        Scene::Challenge | Scene::Both | Scene::Gated => 2,
        _ => 1,
    };
    match (scene.is_healthy() && !scene.is_damaged(), load) {
        (true, 200) => 6,
        (true, 10) if matches!(scene, Scene::HealthyGated) => 6,
        (true, _) => 0,
        (false, 1) => 24 * times,
        (false, 10) => 14 * times,
        (false, _) => 1,
    }
}

/// Runs them and counts. `told` is called after each, with the number done, and says whether to go on.
#[must_use]
pub fn run(plans: &[Plan], threads: usize, told: &(impl Fn(usize, &Plan) -> bool + Sync)) -> Tally {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut tally = Tally::default();
        while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            tally.add(&judge(plan));
            if !told(done.fetch_add(1, Ordering::Relaxed) + 1, plan) {
                break;
            }
        }
        tally
    };
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            tally.merge(worker.join().expect("a run panicked; its message is above"));
        }
    });
    tally
}
