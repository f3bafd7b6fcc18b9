//! What a service does with contexts, and how it makes its calls.

use crate::random::Random;
use crate::rig::chance::{MILLI, SECOND, between, chance};
use crate::rig::graph::CallSpec;
use crate::rig::headers::{Act, Mix};
use crate::rig::plan::{Plan, Scene};

/// Acts, as often as they are in the list.
const ACTS: &[Act] = &[
    Act::Drop,
    Act::Drop,
    Act::Drop,
    Act::Drop,
    Act::DropParent,
    Act::Restart,
    Act::Restart,
    Act::Restart,
    Act::ParentOnly,
    Act::ParentOnly,
    Act::Verbatim,
    Act::Verbatim,
    Act::ClearFlag,
    Act::ClearFlag,
    Act::Duplicate,
    Act::Upper,
    Act::Stale,
    Act::Stale,
    Act::AddMember,
    Act::AddMember,
];
/// One more, where contexts are kept whole.
const ACTS_ON_MUCH: &[Act] = &[Act::AddMany, Act::AddMany, Act::Drop, Act::Restart, Act::ParentOnly, Act::Stale];

/// A call to this route of this peer.
pub(super) fn call(plan: &Plan, peer: usize, route: usize, random: &mut Random) -> CallSpec {
    let mix = mix(plan, random);
    let mix_later = if plan.scene == Scene::Deployed { self::mix(plan, random) } else { mix.clone() };
    let timeout = if chance(random, 0.3) {
        ((between(random, 150.0, 2000.0) * MILLI as f64) as u64, random.below(3) as u32)
    } else {
        (20 * SECOND, 0)
    };
    CallSpec {
        peer,
        route,
        mix,
        mix_later,
        probability: if chance(random, 0.2) { between(random, 0.2, 0.9) } else { 1.0 },
        cache: chance(random, 0.12).then(|| between(random, 0.2, 20.0)),
        single_flight: chance(random, 0.12),
        timeout: Some(timeout),
        by_helper: chance(random, 0.1),
    }
}

/// Faithful, always wrong in one way, at random in one way, or at random in two.
fn mix(plan: &Plan, random: &mut Random) -> Mix {
    if plan.scene.is_healthy() {
        return Mix::default();
    }
    let act =
        if plan.scene.tells_ends() && random.percent(20) { *random.pick(ACTS_ON_MUCH) } else { *random.pick(ACTS) };
    match random.below(20) {
        0..=5 => Mix::default(),
        6..=14 => Mix(vec![(act, 1.0)]),
        15..=18 => Mix(vec![(act, *random.pick(&[0.1, 0.25, 0.5, 0.75]))]),
        _ => {
            let other = *random.pick(ACTS);
            Mix(vec![(act, between(random, 0.2, 0.6)), (other, 0.3)])
        }
    }
}
