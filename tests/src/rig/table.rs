//! Tallies as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use throughline::gap::code::Code;
use throughline::gap::judgement::Confidence;
use throughline::trace::counts::Label as _;

use super::plan::Scene;
use super::score::{Due, Found, Tally, wilson};
use super::suite::LOADS;

/// Findings by code and confidence: right, rare, afterwards, wrong, and the share that is not wrong.
#[must_use]
pub fn precision(tally: &Tally) -> String {
    let mut text = String::from(
        "Findings, by code and confidence. rare: it happened, in under 5 % of the hop's calls; after: it happened, in\n\
         calls after the answer or by the queue's worker; wrong: it never happened.\n\
         code  confidence    found    right     rare    after    wrong   not wrong [95 %]\n",
    );
    for ((code, confidence), found) in &tally.found {
        row(&mut text, &format!("{code}  {:<10}", confidence.name()), found);
    }
    for (code, found) in &tally.arrivals {
        row(&mut text, &format!("{code}  {:<10}", "arrival"), found);
    }
    for confidence in [Confidence::Confirmed, Confidence::Likely, Confidence::Possible] {
        row(&mut text, &format!("all   {:<10}", confidence.name()), &sum(tally, confidence));
    }
    row(&mut text, "verdict breaks  ", &tally.breaks);
    row(&mut text, "verdict forwards", &tally.forwards);
    text
}

/// Of what was due, how much was found likely or confirmed: by evidence, code and load.
#[must_use]
pub fn recall(tally: &Tally) -> String {
    let mut text = String::from(
        "Found (confirmed or likely) of due, by evidence, code and unmarked requests a second at each service.\n\
         A code is due on a hop where it is true of at least 5 % of the calls, with ten traces and more.\n",
    );
    let _ = write!(text, "evidence    code ");
    LOADS.iter().for_each(|load| write!(text, "{load:>17}").unwrap_or_default());
    text.push('\n');
    let mut rows: BTreeMap<(Scene, Code), BTreeMap<u32, Due>> = BTreeMap::new();
    for ((scene, load, code), due) in &tally.due {
        rows.entry((*scene, *code)).or_default().insert(*load, *due);
    }
    for ((scene, code), by_load) in rows {
        let _ = write!(text, "{:<12}{code} ", scene.name());
        for load in LOADS {
            let cell = by_load.get(&load).map(|due| {
                let share = 100.0 * due.found() as f64 / due.total() as f64;
                format!("{}/{} {share:.0} %", due.found(), due.total())
            });
            let _ = write!(text, "{:>17}", cell.unwrap_or_else(|| "-".to_owned()));
        }
        text.push('\n');
    }
    text
}

/// What was run, and what was said of hops.
#[must_use]
pub fn runs(tally: &Tally) -> String {
    let mut text =
        String::from("scene             load   runs  observations    marked    hops  judged  breaks  findings\n");
    for ((scene, load), runs) in &tally.runs {
        let _ = writeln!(
            text,
            "{:<18}{load:>4}{:>7}{:>14}{:>10}{:>8}{:>8}{:>8}{:>10}",
            scene.name(),
            runs.count,
            runs.observations,
            runs.marked,
            runs.hops,
            runs.judged,
            runs.breaks,
            runs.findings
        );
    }
    text
}

/// All findings of one confidence.
#[must_use]
pub fn sum(tally: &Tally, confidence: Confidence) -> Found {
    let mut all = Found::default();
    for (_, found) in tally.found.iter().filter(|((_, of), _)| *of == confidence) {
        all.right += found.right;
        all.rare += found.rare;
        all.afterwards += found.afterwards;
        all.wrong += found.wrong;
    }
    all
}

fn row(text: &mut String, name: &str, found: &Found) {
    let all = found.total();
    let (low, high) = wilson(all - found.wrong, all);
    let share = if all == 0 { 0.0 } else { (all - found.wrong) as f64 / all as f64 };
    let _ = writeln!(
        text,
        "{name:<16}{all:>8}{:>9}{:>9}{:>9}{:>9}   {share:.4} [{low:.4}-{high:.4}]",
        found.right, found.rare, found.afterwards, found.wrong
    );
}
