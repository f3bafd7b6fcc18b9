//! What the figures have to be, and whether they are.

use std::fmt::Write as _;

use throughline::gap::judgement::Confidence;
use throughline::trace::counts::Label as _;
use throughline_tests::rig::score::Tally;
use throughline_tests::rig::table::sum;

/// Findings of a code and confidence from which on its figures mean something.
const LEAST_FOUND: u64 = 100;
/// Confirmed findings, of which none may be wrong.
const LEAST_CONFIRMED: u64 = 3000;
/// Share of likely findings that have to be right.
const LIKELY: f64 = 0.98;

/// A line for each limit, and whether all held.
pub(crate) fn judge(tally: &Tally) -> (String, bool) {
    let (confirmed, likely) = (sum(tally, Confidence::Confirmed), sum(tally, Confidence::Likely));
    let right = 1.0 - likely.wrong as f64 / likely.total().max(1) as f64;
    let few: Vec<String> = tally
        .found
        .iter()
        .filter(|((_, confidence), found)| *confidence != Confidence::Possible && found.total() < LEAST_FOUND)
        .map(|((code, confidence), found)| format!("{code} {}: {}", confidence.name(), found.total()))
        .collect();
    let scenes = |damaged: bool| {
        let healthy =
            tally.runs.iter().filter(move |((scene, _), _)| scene.is_healthy() && scene.is_damaged() == damaged);
        healthy.fold((0, 0, 0), |(runs, findings, breaks), (_, of)| {
            (runs + of.count, findings + of.findings, breaks + of.breaks)
        })
    };
    let (healthy, damaged) = (scenes(false), scenes(true));
    let rows = [
        (few.is_empty(), format!("{LEAST_FOUND} findings of every code and confidence claimed; fewer: {few:?}")),
        (confirmed.total() >= LEAST_CONFIRMED, format!("{LEAST_CONFIRMED} confirmed findings: {}", confirmed.total())),
        (confirmed.wrong == 0, format!("none of them wrong: {}", confirmed.wrong)),
        (right >= LIKELY, format!("{LIKELY} of the likely ones right: {right:.4} of {}", likely.total())),
        (healthy.1 == 0, format!("no finding on healthy services: {} in {} runs", healthy.1, healthy.0)),
        (damaged.2 == 0, format!("no break from damaged observations: {} in {} runs", damaged.2, damaged.0)),
    ];
    let mut text = String::new();
    for (held, row) in &rows {
        let _ = writeln!(text, "{:<7} {row}", if *held { "ok" } else { "BROKEN" });
    }
    (text, rows.iter().all(|(held, _)| *held))
}
