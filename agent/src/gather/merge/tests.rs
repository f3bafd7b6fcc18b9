//! Good and bad recordings from disk: what is read of them, in which order, and what is said of them.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;

use super::*;
use crate::report::source::{ProblemKind, SourceState};

const HEADER: &str = "{\"schema\":\"throughline.observations\",\"version\":1}\n";
const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 10_000 * SECOND;

fn line(name: &str, sequence: u64, start: u64) -> String {
    format!(
        "{{\"seq\":{sequence},\"name\":\"{name}\",\"clock\":\"host\",\"dir\":\"in\",\"service\":\"{name}\",\
         \"method\":\"GET\",\"route\":\"/\",\"start\":{start}}}\n"
    )
}

fn lines(name: &str, starts: &[u64]) -> String {
    let numbered = (0..).zip(starts);
    HEADER.to_owned() + &numbered.map(|(sequence, start)| line(name, sequence, start * SECOND)).collect::<String>()
}

async fn gather(places: &[Place], since: Option<u64>) -> (Vec<Observation>, Vec<Source>) {
    let options = Options { since, token: None, now: NOW };
    let mut gathering = Gathering::open(places, &options).await;
    let mut observations = Vec::new();
    while let Some(observation) = gathering.next().await {
        observations.push(observation);
    }
    (observations, gathering.finish().await)
}

fn write(folder: &Path, name: &str, text: &str) -> Place {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    Place::File(path)
}

#[tokio::test]
async fn recordings_of_the_same_hours_are_merged_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let places = [
        write(folder.path(), "a", &lines("a", &[1, 4, 5, 900])),
        write(folder.path(), "b", &lines("b", &[2, 3, 800])),
        write(folder.path(), "c", HEADER),
    ];
    let (observations, sources) = gather(&places, None).await;
    let order: Vec<u64> = observations.iter().map(|observation| observation.start / SECOND).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 800, 900]);
    assert_eq!(sources.iter().map(|source| source.observations).collect::<Vec<_>>(), [4, 3, 0]);
    assert!(sources.iter().all(|source| source.problems.is_empty()), "a header and nothing else is no problem");
    let (observations, _) = gather(&places, Some(5 * SECOND)).await;
    assert_eq!(observations.len(), 3, "what is older is left out");
}

#[tokio::test]
async fn what_is_wrong_with_a_recording_is_named() {
    use ProblemKind::{ClockJump, Corrupt, Cut, Duplicates, Empty, OtherVersion, TooLong, Truncated};
    let whole = lines("a", &[1, 2]);
    let after = |more: &str| format!("{whole}{more}");
    let cut_off = whole.get(..whole.len() - 20).unwrap().to_owned();
    let version_2 = HEADER.replace(":1}", ":2}");
    let long_name = line(&"n".repeat(10_000), 0, 3 * SECOND);
    type Row = (&'static str, String, usize, &'static [ProblemKind], SourceState, &'static str);
    let rows: Vec<Row> = vec![
        ("whole", whole.clone(), 2, &[], SourceState::Complete, ""),
        ("empty", String::new(), 0, &[Empty], SourceState::Missing, "not even the line"),
        ("cut off", cut_off, 1, &[Truncated], SourceState::Partial, "line 3: the last line does not end"),
        ("corrupt", after("nonsense\nmore\n"), 2, &[Corrupt], SourceState::Partial, "line 4: not an observation"),
        ("version", after(&format!("{version_2}x\ny\n")), 2, &[OtherVersion], SourceState::Partial, "2 lines passed"),
        ("another file", "hello\nworld\n".to_owned(), 0, &[OtherVersion], SourceState::Missing, "no header"),
        ("a picture", "\u{0}\u{1}PNG\n\n".to_owned(), 0, &[OtherVersion], SourceState::Missing, "no header"),
        ("too long", after(&format!("{}\n", "x".repeat(2 << 20))), 2, &[TooLong], SourceState::Partial, "line 4"),
        ("long name", after(&long_name), 3, &[Cut], SourceState::Complete, "over their bound"),
        ("twice", after(&whole), 4, &[Duplicates], SourceState::Complete, "number 0 of a was read before"),
        ("back", lines("a", &[900, 1, 2]), 3, &[ClockJump], SourceState::Complete, "time goes back by 14 min 59 s"),
        ("ahead", lines("a", &[1, 99_999]), 2, &[ClockJump], SourceState::Complete, "ahead of this machine's clock"),
        ("restarted", lines("a", &[1]) + &lines("a", &[5]), 2, &[], SourceState::Complete, ""),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, text, read, kinds, state, said) in rows {
        let (observations, sources) = gather(&[write(folder.path(), name, &text)], None).await;
        let source = sources.first().unwrap();
        let found: Vec<ProblemKind> = source.problems.iter().map(|problem| problem.kind).collect();
        assert_eq!((observations.len(), &*found, source.state), (read, kinds, state), "{name}");
        let complaint = source.complaint().unwrap_or_default();
        assert!(complaint.contains(said) && complaint.is_empty() == said.is_empty(), "{name}: {complaint}");
    }
}

#[tokio::test]
async fn the_same_recording_twice_is_named_with_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let place = write(folder.path(), "a", &lines("a", &[1, 2, 3]));
    let (observations, sources) = gather(&[place.clone(), place], None).await;
    assert_eq!(observations.len(), 6, "the engine leaves them out, and counts them");
    let duplicates: u64 = sources.iter().flat_map(|source| &source.problems).map(|problem| problem.count).sum();
    assert_eq!(duplicates, 3);
}

#[tokio::test]
async fn missing_sources_do_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let places = [
        Place::File(folder.path().join("nowhere")),
        Place::File(folder.path().to_owned()),
        write(folder.path(), "a", &lines("a", &[1])),
    ];
    let (observations, sources) = gather(&places, None).await;
    assert_eq!(observations.len(), 1);
    let states: Vec<SourceState> = sources.iter().map(|source| source.state).collect();
    assert_eq!(states, [SourceState::Missing, SourceState::Missing, SourceState::Complete]);
    let said: Vec<String> = sources.iter().filter_map(Source::complaint).collect();
    assert!(said.first().unwrap().contains("there is no such file") && said.last().unwrap().contains("a folder"));
}
