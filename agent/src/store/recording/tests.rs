//! What is written is a recording, whatever was there before.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;

const HEADER: &str = "{\"schema\":\"throughline.observations\",\"version\":1}\n";
const LINE: &str = r#"{"dir":"in","service":"cart","method":"GET","route":"/","start":5}"#;

fn read(bytes: &[u8]) -> (Vec<Observation>, usize) {
    let mut reader = Reader::new("x");
    reader.push(bytes);
    let (mut observations, mut faults) = (Vec::new(), 0);
    while let Some(item) = reader.next_observation() {
        match item {
            Ok(observation) => observations.push(observation),
            Err(_) => faults += 1,
        }
    }
    assert_eq!(reader.finish(), None, "the last line ends");
    (observations, faults)
}

fn observation() -> Observation {
    read(format!("{HEADER}{LINE}\n").as_bytes()).0.remove(0)
}

#[test]
fn a_recording_goes_on_where_one_is_and_replaces_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    /// What was there, how many observations and faults are there then, and why.
    type Row = (Option<String>, Option<(usize, usize)>, &'static str);
    let rows: &[Row] = &[
        (None, Some((1, 0)), "nothing was there"),
        (Some(String::new()), Some((1, 0)), "an empty file"),
        (Some(HEADER.to_owned()), Some((1, 0)), "a header alone"),
        (Some(format!("{HEADER}{LINE}\n")), Some((2, 0)), "a recording"),
        (Some(format!("{HEADER}{LINE}\n{}", &LINE[..20])), Some((2, 1)), "a recording that was cut off"),
        (Some(HEADER.replace(":1}", ":2}")), None, "another version"),
        (Some("my notes\n".to_owned()), None, "a text"),
        (Some("x".repeat(100_000)), None, "a long text"),
        (Some(format!("{LINE}\n")), None, "no header"),
    ];
    for (before, expected, reason) in rows {
        let path = folder.path().join("recording");
        let _ = std::fs::remove_file(&path);
        if let Some(before) = before {
            std::fs::write(&path, before).unwrap();
        }
        let counts = Arc::new(RecordingCounts::default());
        let opened = Recording::open(&path, Arc::clone(&counts));
        let Some(expected) = expected else {
            assert!(matches!(opened, Err(RecordingError::NotARecording { .. })), "{reason}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), *before.as_ref().unwrap(), "{reason}: untouched");
            continue;
        };
        let mut recording = opened.unwrap();
        recording.observe(&observation());
        assert_eq!(counts.written.get(), 0, "{reason}: written when time passes");
        recording.advance(0);
        let (observations, faults) = read(&std::fs::read(&path).unwrap());
        assert_eq!((observations.len(), faults, counts.written.get()), (expected.0, expected.1, 1), "{reason}");
    }
    let refused = Recording::open(folder.path(), Arc::default()).unwrap_err().to_string();
    assert!(refused.contains("no ordinary file"), "{refused}");
    let refused = Recording::open(&folder.path().join("no/such/folder"), Arc::default()).unwrap_err().to_string();
    assert!(refused.starts_with("--observe: cannot write"), "{refused}");
}

/// A disk that is always full.
#[test]
fn what_cannot_be_written_is_counted() {
    let Ok(file) = OpenOptions::new().append(true).open("/dev/full") else { return };
    let folder = tempfile::tempdir().unwrap();
    let counts = Arc::new(RecordingCounts::default());
    let path = folder.path().join("recording");
    let mut recording = Recording::open(&path, Arc::clone(&counts)).unwrap();
    let good = std::mem::replace(&mut recording.file, file);
    recording.observe(&observation());
    recording.lost(&observation(), 3);
    recording.advance(0);
    assert_eq!((counts.written.get(), counts.failed.get()), (0, 2));
    recording.file = good;
    recording.observe(&observation());
    recording.finish();
    let (observations, _) = read(&std::fs::read(&path).unwrap());
    assert_eq!((observations.len(), counts.written.get()), (1, 1), "it goes on when there is room again");
}
