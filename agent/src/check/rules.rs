//! The rules: from facts to answers. Pure; one small file for each check.

pub(super) mod addresses;
pub(super) mod btf;
pub(super) mod cgroups;
pub(super) mod clock;
pub(super) mod configuration;
pub(super) mod exporter;
pub(super) mod foreign;
pub(super) mod kernel;
pub(super) mod limits;
pub(super) mod lockdown;
pub(super) mod namespaces;
pub(super) mod programs;
pub(super) mod rights;
pub(super) mod ring;
pub(super) mod settings;
pub(super) mod targets;
pub(super) mod tracefs;
pub(super) mod upstreams;

/// A short form for rows of tests: the state of each answer, and a word that must be in its text or hint.
#[cfg(test)]
fn expect(answers: &[super::Answer], expected: &[(super::State, &str)], reason: &str) {
    let states: Vec<_> = answers.iter().map(|answer| answer.state).collect();
    let wanted: Vec<_> = expected.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, wanted, "{reason}: {answers:#?}");
    for (answer, (state, word)) in answers.iter().zip(expected) {
        let said = format!("{} {}", answer.text, answer.hint.as_deref().unwrap_or_default());
        assert!(said.contains(word), "{reason}: {said:?} has no {word:?}");
        let asks = matches!(state, super::State::Warning | super::State::Error | super::State::NotPermitted);
        assert_eq!(answer.hint.is_some(), asks, "{reason}: who complains says what to do");
    }
}
