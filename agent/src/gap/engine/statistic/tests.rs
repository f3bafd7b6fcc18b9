//! Chance, kept within its limits, and what is no chance.

use super::super::hash::Random;
use super::*;

/// Calls in a window when there are so many on the average.
fn poisson(random: &mut Random, mean: f64) -> u32 {
    let unit = |random: &mut Random| (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
    let (mut count, mut product) = (0, unit(random));
    while product > (-mean).exp() {
        product *= unit(random);
        count += 1;
    }
    count
}

/// The wealth after each of so many windows with 15 controls.
fn course(random: &mut Random, noise: f64, caused: f64, windows: usize) -> Vec<f64> {
    let mut bet = Bet::default();
    let sample = |random: &mut Random| {
        let controls: Vec<u32> = (0..15).map(|_| poisson(random, noise)).collect();
        let own = u32::from(random.below(1000) < (caused * 1000.0) as u64);
        (poisson(random, noise) + own, controls)
    };
    let step = |_| {
        let (marked, controls) = sample(random);
        bet.add(marked, &controls);
        bet.log()
    };
    (0..windows).map(step).collect()
}

#[test]
fn chance_rarely_wins() {
    // Ville: of 500 courses at most 5 % may ever get to 20; of each kind of noise.
    for noise in [0.05, 0.5, 5.0, 50.0] {
        let mut random = Random(1);
        let winners = (0..500).filter(|_| course(&mut random, noise, 0.0, 200).iter().any(|log| *log > 20_f64.ln()));
        assert!(winners.count() <= 35, "noise {noise}");
    }
}

#[test]
fn what_is_caused_is_found() {
    let rows = [
        (0.0, 1.0, 10, "a silent service needs few"),
        (0.2, 1.0, 15, "some noise"),
        (2.0, 1.0, 120, "twice as much noise as signal"),
        (0.2, 0.3, 160, "one of three requests breaks"),
    ];
    for (noise, caused, windows, reason) in rows {
        let mut random = Random(7);
        let found = (0..100).filter(|_| course(&mut random, noise, caused, windows).iter().any(|log| *log > 11.5));
        assert!(found.count() >= 90, "noise {noise}, caused {caused}: {reason}");
    }
}

#[test]
fn signs_are_flipped() {
    let rows = [
        (vec![1; 10], 1.0 / 1024.0, "the least that ten pairs can give"),
        (vec![0; 10], 1.0, "no difference at all"),
        (vec![1, -1], 0.75, "a sum of zero: three of the four"),
        (vec![2, 1, -1], 3.0 / 8.0, "sums 4, 2, 2"),
        (vec![], 1.0, "nothing"),
        (vec![-1; 5], 1.0, "the wrong way"),
    ];
    for (differences, expected, reason) in rows {
        assert!((sign_flip(&differences) - expected).abs() < 1e-12, "{differences:?}: {reason}");
    }
    assert!(sign_flip(&[i32::MIN, i32::MAX]) <= 1.0, "the largest ones are bounded");
}

#[test]
fn intervals() {
    // By R's binom.confint(method = "wilson").
    let rows = [
        (0, 10, (0.0, 0.277_533)),
        (10, 10, (0.722_467, 1.0)),
        (3, 10, (0.107_789, 0.603_222)),
        (0, 0, (0.0, 1.0)),
        (50, 100, (0.403_832, 0.596_168)),
    ];
    for (broken, of, (low, high)) in rows {
        let (is_low, is_high) = interval(broken, of);
        assert!((is_low - low).abs() < 1e-4 && (is_high - high).abs() < 1e-4, "{broken} of {of}: {is_low} {is_high}");
    }
}
