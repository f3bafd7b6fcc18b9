//! What the proxies see of each request, as a report is fed with it: recordings, callers, losses, egress listeners.

#![expect(clippy::indexing_slicing, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "observe/callers.rs"]
mod callers;
#[path = "observe/egress.rs"]
mod egress;
#[path = "observe/recording.rs"]
mod recording;
#[path = "observe/reload.rs"]
mod reload;
#[path = "observe/seen.rs"]
mod seen;

use std::path::Path;

use throughline::config::ObserveConfig;
use throughline::gap::ndjson::{Fault, Reader};
use throughline::gap::observation::Observation;

/// Every observation of this recording, and every line that is none.
fn read(bytes: &[u8]) -> (Vec<Observation>, Vec<Fault>) {
    let mut reader = Reader::new("test");
    reader.push(bytes);
    let (mut observations, mut faults) = (Vec::new(), Vec::new());
    loop {
        match reader.next_observation().or_else(|| reader.finish()) {
            Some(Ok(observation)) => observations.push(observation),
            Some(Err(fault)) => faults.push(fault),
            None => return (observations, faults),
        }
    }
}

/// Every observation of a recording in which nothing is wrong.
fn recorded(path: &Path) -> Vec<Observation> {
    let (observations, faults) = read(&std::fs::read(path).expect("the recording is there"));
    assert_eq!(faults, [], "every line is an observation");
    observations
}

/// Records to this file.
fn to(path: &Path) -> Option<ObserveConfig> {
    Some(ObserveConfig { recording: Some(path.to_owned()), ..ObserveConfig::default() })
}

/// The one observation of this route.
fn of_route<'a>(observations: &'a [Observation], route: &str) -> &'a Observation {
    let mut found = observations.iter().filter(|observation| &*observation.route == route);
    let first = found.next().unwrap_or_else(|| panic!("there is an observation of {route}: {observations:#?}"));
    assert!(found.next().is_none(), "only one of {route}");
    first
}
