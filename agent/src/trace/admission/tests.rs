//! The two bounds, the clock, and memory under a flood.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

fn trace(number: u128) -> TraceId {
    TraceId::from_bytes((number + 1).to_be_bytes()).unwrap()
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn config() -> AdmissionConfig {
    AdmissionConfig { rate: 5.0, burst: 3, keep: Duration::from_secs(60), per_trace: 4 }
}

#[test]
fn each_step_of_one_story() {
    use Admitted::*;
    use Source::*;
    let rows = [
        ("the burst, first", 0, 1, Other, New),
        ("the burst, second", 0, 2, Other, New),
        ("the burst, third", 0, 3, Other, New),
        ("the burst is used up", 0, 4, Other, OverRate),
        ("a known trace needs no token", 0, 1, Other, Known),
        ("from the other kind of source, too", 0, 1, Trusted, Known),
        ("the other bucket is full", 0, 5, Trusted, New),
        ("too early for a token", 199, 4, Other, OverRate),
        ("one token after 1/rate", 200, 4, Other, New),
        ("but only one", 200, 6, Other, OverRate),
        ("time runs backwards: nothing earned, nothing lost", 0, 6, Other, OverRate),
        ("the fourth request of the first trace", 59_000, 1, Other, Known),
        ("the fifth is over the trace's bound", 59_000, 1, Other, OverTrace),
        ("at the end of its time a trace is new again", 60_000, 1, Other, New),
        ("a long rest fills the bucket to the burst only, first", 3_600_000, 10, Other, New),
        ("second", 3_600_000, 11, Other, New),
        ("third", 3_600_000, 12, Other, New),
        ("no fourth", 3_600_000, 13, Other, OverRate),
    ];
    let mut admission = Admission::new(config());
    for (why, millis, number, source, expected) in rows {
        assert_eq!(admission.admit(trace(number), source, at(millis)), expected, "{why}");
    }
    assert_eq!(admission.traces(), 3, "ended traces are forgotten");
}

#[test]
fn sixty_requests_of_one_page_load_are_all_admitted_by_default() {
    let mut admission = Admission::new(AdmissionConfig::default());
    assert!((0..60).all(|n| admission.admit(trace(1), Source::Other, at(n * 16)).is_admitted()));
}

#[test]
fn a_flood_of_new_traces_stays_within_rate_and_memory() {
    let mut admission = Admission::new(AdmissionConfig::default());
    let admitted =
        (0..200_000u32).filter(|&n| admission.admit(trace(n.into()), Source::Other, at((n / 10).into())).is_admitted());
    // 20 at once and 5 a second for 20 seconds; the last token may be a rounding short.
    let admitted = admitted.count();
    assert!((118..=120).contains(&admitted), "{admitted}");
    assert!(admission.traces() <= 120);
    assert!(admission.ends.len() == admission.requests.len());
}

#[test]
fn odd_settings_do_no_harm() {
    let rows = [
        ("no rate: the burst once", AdmissionConfig { rate: 0.0, ..config() }, 3),
        ("negative rate: the same", AdmissionConfig { rate: -1.0, ..config() }, 3),
        ("not a number: the same", AdmissionConfig { rate: f64::NAN, ..config() }, 3),
        ("no burst: nothing", AdmissionConfig { burst: 0, ..config() }, 0),
        ("no requests of a trace: nothing", AdmissionConfig { per_trace: 0, ..config() }, 0),
        ("no time to keep: still by rate", AdmissionConfig { rate: 0.0, keep: Duration::ZERO, ..config() }, 3),
        ("an endless rate: all", AdmissionConfig { rate: f64::INFINITY, ..config() }, 20),
    ];
    for (why, config, expected) in rows {
        let mut admission = Admission::new(config);
        let admitted = (0..20).filter(|&n| admission.admit(trace(n.into()), Source::Other, at(n)).is_admitted());
        assert_eq!(admitted.count(), expected, "{why}");
    }
    let mut admission = Admission::new(AdmissionConfig { keep: Duration::MAX, ..config() });
    assert_eq!(admission.admit(trace(1), Source::Other, Duration::MAX), Admitted::New, "the end of time");
}

proptest! {
    #[test]
    fn no_story_breaks_the_bounds(steps in prop::collection::vec((0..30u128, 0..90_000u64, any::<bool>()), 0..400)) {
        let mut admission = Admission::new(config());
        let mut new = 0;
        for (number, millis, trusted) in steps {
            let source = if trusted { Source::Trusted } else { Source::Other };
            new += u32::from(admission.admit(trace(number), source, at(millis)) == Admitted::New);
            prop_assert_eq!(admission.ends.len(), admission.requests.len());
            prop_assert!(admission.requests.values().all(|&requests| requests <= 4));
        }
        // Both bursts, and five a second from each over 90 seconds.
        prop_assert!(new <= 2 * (3 + 450));
    }
}
