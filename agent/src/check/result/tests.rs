//! How checks become a result.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::check::Plan;
use crate::check::facts::{PortFact, PortState};

#[test]
fn names_are_stable_and_distinct() {
    let mut names: Vec<&str> = ALL.iter().map(|check| check.name).collect();
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

/// Why, what is changed of the facts, whether a port is taken too, and the exit code.
type Row = (&'static str, fn(&mut Facts), bool, u8);

#[test]
fn the_exit_code_follows_from_the_worst() {
    let taken = || PortFact {
        purpose: "admin".to_owned(),
        address: ([127, 0, 0, 1], 9464).into(),
        state: PortState::Taken(None),
    };
    let rows: [Row; 5] = [
        ("all is well", |_| {}, false, 0),
        ("a warning", |facts| facts.kernel.bpf_jit_enable = Some(0), false, 0),
        ("not permitted", |facts| facts.rights.effective = 0, false, 4),
        ("an error", |_| {}, true, 1),
        ("an error counts more", |facts| facts.rights.effective = 0, true, 1),
    ];
    for (reason, change, is_taken, expected) in rows {
        let mut facts = Facts::example();
        facts.plan = Plan::None;
        change(&mut facts);
        facts.ports.extend(is_taken.then(taken));
        assert_eq!(Checkup::compose(&facts, 0).exit, expected, "{reason}");
    }
}

#[test]
fn what_the_probe_lacks_is_nothing_to_a_configuration_without_one() {
    let mut facts = Facts::example();
    facts.rights.effective = 0;
    let checkup = Checkup::compose(&facts, 0);
    assert_eq!(checkup.exit, 0);
    let line = checkup.checks.iter().find(|line| line.check == "capabilities").unwrap();
    assert_eq!((line.state, &line.hint), (State::Skipped, &None));
    assert!(line.text.contains("has no probe"), "{}", line.text);
}

#[test]
fn the_json_form_says_what_it_is() {
    let checkup = Checkup::compose(&Facts::example(), 1);
    let json = serde_json::to_value(&checkup).unwrap();
    assert_eq!(json.pointer("/schema"), Some(&"throughline.check".into()));
    assert_eq!(json.pointer("/version"), Some(&1.into()));
    assert_eq!(json.pointer("/checks/0/state"), Some(&"ok".into()));
    let schema = serde_json::to_value(schema()).unwrap();
    assert_eq!(schema.pointer("/properties/schema/const"), Some(&"throughline.check".into()));
}
