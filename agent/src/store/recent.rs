//! The last observations, in memory: what `/v1/observations` answers with. The oldest go first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gap::ndjson;
use crate::gap::observation::Observation;
use crate::gap::sink::ObservationConsumer;
use crate::trace::counts::{Counter, Gauge};

/// What an observation costs beside its bytes.
const OVERHEAD: usize = size_of::<Kept>();

/// A window on the last observations; its copies share one.
#[derive(Debug, Clone)]
pub struct Recent {
    shared: Arc<Mutex<Window>>,
    counts: Arc<RecentCounts>,
}

/// What became of observations.
#[derive(Debug, Default)]
pub struct RecentCounts {
    /// Bytes held now.
    pub bytes: Gauge,
    /// Observations given up for newer ones.
    pub dropped: Counter,
}

/// How far someone has read. A new one begins at the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor(u64);

#[derive(Debug)]
struct Window {
    kept: VecDeque<Kept>,
    /// The number of the oldest.
    first: u64,
    bytes: usize,
    limit: usize,
}

/// An observation as a line of a recording.
#[derive(Debug)]
struct Kept {
    /// Its last moment that is known.
    at: u64,
    line: Box<[u8]>,
}

impl Recent {
    /// A window of so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let window = Window { kept: VecDeque::new(), first: 0, bytes: 0, limit };
        Self { shared: Arc::new(Mutex::new(window)), counts: Arc::default() }
    }

    /// What became of observations.
    #[must_use]
    pub fn counts(&self) -> &Arc<RecentCounts> {
        &self.counts
    }

    /// The next observations from `cursor` on that were not over at `since` (nanoseconds since the Unix epoch), as
    /// lines of a recording without header: at least one and about `limit` bytes, or nothing when there are no more.
    /// Moves the cursor on, over those that were dropped meanwhile too.
    #[must_use]
    pub fn read(&self, since: u64, cursor: &mut Cursor, limit: usize) -> Vec<u8> {
        let window = self.window();
        let from = cursor.0.max(window.first);
        let skip = usize::try_from(from - window.first).unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        cursor.0 = from;
        for kept in window.kept.iter().skip(skip) {
            if lines.len() >= limit {
                break;
            }
            cursor.0 += 1;
            if kept.at >= since {
                lines.extend_from_slice(&kept.line);
            }
        }
        lines
    }

    fn keep(&self, observation: &Observation) {
        let mut line = Vec::new();
        ndjson::write(observation, &mut line);
        let at = observation.end.unwrap_or_default().max(observation.start);
        let mut window = self.window();
        window.bytes += line.len() + OVERHEAD;
        window.kept.push_back(Kept { at, line: line.into_boxed_slice() });
        while window.bytes > window.limit
            && let Some(oldest) = window.kept.pop_front()
        {
            window.bytes -= oldest.line.len() + OVERHEAD;
            window.first += 1;
            self.counts.dropped.add(1);
        }
        self.counts.bytes.set(window.bytes as u64);
    }

    /// A poisoned lock means that a reader panicked; the window is whole nevertheless.
    fn window(&self) -> MutexGuard<'_, Window> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObservationConsumer for Recent {
    fn observe(&mut self, observation: &Observation) {
        self.keep(observation);
    }

    fn lost(&mut self, marker: &Observation, _count: u64) {
        self.keep(marker);
    }

    fn advance(&mut self, _now: u64) {}

    fn finish(&mut self) {}
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;
    use crate::gap::ndjson::Reader;

    fn observation(start: u64) -> Observation {
        let line = format!(r#"{{"dir":"in","service":"cart","method":"GET","route":"/","start":{start}}}"#);
        let mut reader = Reader::new("x");
        reader.push(br#"{"schema":"throughline.observations","version":1}"#);
        reader.push(b"\n");
        reader.push(line.as_bytes());
        reader.push(b"\n");
        reader.next_observation().unwrap().unwrap()
    }

    fn starts(recent: &Recent, since: u64, piece: usize) -> Vec<u64> {
        let mut reader = Reader::new("x");
        reader.push(br#"{"schema":"throughline.observations","version":1}"#);
        reader.push(b"\n");
        let mut cursor = Cursor::default();
        let mut starts = Vec::new();
        loop {
            let lines = recent.read(since, &mut cursor, piece);
            reader.push(&lines);
            while let Some(read) = reader.next_observation() {
                starts.push(read.unwrap().start);
            }
            if lines.is_empty() {
                return starts;
            }
        }
    }

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let mut recent = Recent::new(2000);
        for start in 0..100 {
            recent.observe(&observation(start));
        }
        let kept = starts(&recent, 0, 10_000);
        let dropped = recent.counts().dropped.get();
        assert!(recent.counts().bytes.get() <= 2000 && kept.len() > 5, "{kept:?}");
        assert_eq!(kept, (dropped..100).collect::<Vec<_>>());
        assert_eq!(starts(&recent, 97, 10_000), [97, 98, 99], "since");
        assert_eq!(starts(&recent, 0, 1), kept, "piece by piece");
    }

    #[test]
    fn a_reader_that_is_overtaken_goes_on_with_what_is_there() {
        let mut recent = Recent::new(2000);
        recent.observe(&observation(1));
        let mut cursor = Cursor::default();
        assert!(!recent.read(0, &mut cursor, 1).is_empty());
        assert!(recent.read(0, &mut cursor, 1).is_empty(), "nothing more yet");
        (2..100).for_each(|start| recent.observe(&observation(start)));
        assert!(!recent.read(0, &mut cursor, 1).is_empty());
        let mut nothing = Recent::new(0);
        nothing.observe(&observation(1));
        assert_eq!((starts(&nothing, 0, 100), nothing.counts().dropped.get()), (Vec::new(), 1));
    }
}
