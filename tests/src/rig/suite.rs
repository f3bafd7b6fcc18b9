//! Many runs: which, how many of each, and on how many threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::judge::judge;
use super::plan::{Plan, Scene};
use super::score::Tally;

/// Loads, in unmarked requests a second at each service.
pub const LOADS: [u32; 5] = [1, 10, 50, 100, 200];

/// `runs` runs of every scene at every load, a seed for each. There are more at low loads, where one takes no time, and
/// more of faithful services, which are of interest only where they are busy.
#[must_use]
pub fn plans(scenes: &[Scene], loads: &[u32], runs: u64, seed: u64) -> Vec<Plan> {
    let mut plans = Vec::new();
    for run in 0..runs {
        for &scene in scenes {
            for &load in loads {
                let seeds = match (scene.is_healthy() && !scene.is_damaged(), load) {
                    (true, 200) | (false, 10) => 3,
                    (true, _) => 0,
                    (false, 1) => 6,
                    (false, _) => 1,
                };
                for more in 0..seeds {
                    plans.push(Plan { scene, load, seed: seed + run + more * 1_000_000 });
                }
            }
        }
    }
    plans
}

/// Runs them and counts. `told` is called after each, with the number done.
#[must_use]
pub fn run(plans: &[Plan], threads: usize, told: &(impl Fn(usize, &Plan) + Sync)) -> Tally {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut tally = Tally::default();
        while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            tally.add(&judge(plan));
            told(done.fetch_add(1, Ordering::Relaxed) + 1, plan);
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
