//! All sources at once, merged by time: the engine takes what is out of order by seconds, and two recordings of the same
//! hours are out of order by hours.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ledger::ledger;
use super::place::Place;
use super::stream::{Request, Stream};
use super::tally::{Seen, Tally};
use crate::gap::ndjson::Reader;
use crate::gap::observation::Observation;
use crate::report::source::Source;

/// How observations are gathered.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Leave out what is older, in nanoseconds since the Unix epoch.
    pub since: Option<u64>,
    /// Sent to agents as a bearer token.
    pub token: Option<String>,
    /// The time, in nanoseconds since the Unix epoch: what is far ahead of it has a wrong clock.
    pub now: u64,
}

/// Sources being read.
pub struct Gathering {
    sources: Vec<Open>,
    heads: BinaryHeap<Reverse<Head>>,
    seen: Seen,
    since: Option<u64>,
    token: Option<String>,
    now: u64,
}

struct Open {
    place: Place,
    /// `None` once there is nothing more to come.
    stream: Option<Stream>,
    reader: Reader,
    tally: Tally,
    was_opened: bool,
}

/// The next observation of a source. Ordered by time, then by source, so that the same input is merged the same way.
struct Head {
    start: u64,
    source: usize,
    observation: Box<Observation>,
}

impl Gathering {
    /// Opens all sources. One that cannot be opened is no error: it is named by [`Self::finish`].
    pub async fn open(places: &[Place], options: &Options) -> Self {
        let request = Request { since: options.since, token: options.token.clone() };
        let mut gathering = Self {
            sources: Vec::with_capacity(places.len()),
            heads: BinaryHeap::new(),
            seen: Seen::default(),
            since: options.since,
            token: options.token.clone(),
            now: options.now,
        };
        // All at once: agents that do not answer take their time.
        let opening: Vec<_> = places
            .iter()
            .map(|place| {
                let (place, request) = (place.clone(), request.clone());
                tokio::spawn(async move { Stream::open(&place, &request).await })
            })
            .collect();
        for (place, opening) in places.iter().zip(opening) {
            let mut tally = Tally::default();
            // A task that panicked or was cancelled leaves a source that was not opened.
            let stream = match opening.await {
                Ok(opened) => opened.map_err(|problem| tally.add(problem)).ok(),
                Err(_) => None,
            };
            let was_opened = stream.is_some();
            let reader = Reader::new(&place.name());
            gathering.sources.push(Open { place: place.clone(), stream, reader, tally, was_opened });
        }
        for source in 0..places.len() {
            gathering.refill(source).await;
        }
        gathering
    }

    /// The next observation of all sources, oldest first as far as each source is in order; `None` at the end.
    pub async fn next(&mut self) -> Option<Observation> {
        let Reverse(head) = self.heads.pop()?;
        self.refill(head.source).await;
        Some(*head.observation)
    }

    /// What was read of each source, and what was wrong with it, in the order they were named. Agents are asked what
    /// their probes say of themselves.
    pub async fn finish(self) -> Vec<Source> {
        let mut sources = Vec::with_capacity(self.sources.len());
        for open in self.sources {
            let counts = open.reader.counts();
            let problems = open.tally.finish(counts, open.was_opened);
            let probe = if open.was_opened { ledger(&open.place, self.token.as_deref()).await } else { None };
            let source = Source::new(open.place.name(), open.place.kind(), counts.observations, problems);
            sources.push(source.with_probe(probe));
        }
        sources
    }

    async fn refill(&mut self, source: usize) {
        let Some(open) = self.sources.get_mut(source) else { return };
        while let Some(observation) = open.next().await {
            open.tally.observation(&observation, open.reader.counts().lines, self.now, &mut self.seen);
            if self.since.is_none_or(|since| observation.start >= since) {
                let head = Head { start: observation.start, source, observation: Box::new(observation) };
                self.heads.push(Reverse(head));
                return;
            }
        }
    }
}

impl Open {
    /// The next observation of this source. Lines that are none are counted and passed over.
    async fn next(&mut self) -> Option<Observation> {
        loop {
            while let Some(read) = self.reader.next_observation() {
                match read {
                    Ok(observation) => return Some(observation),
                    Err(fault) => self.tally.fault(&fault),
                }
            }
            let piece = self.stream.as_mut()?.piece().await;
            match piece {
                Ok(bytes) if !bytes.is_empty() => self.reader.push(&bytes),
                ended => {
                    self.stream = None;
                    if let Err(problem) = ended {
                        self.tally.add(problem);
                    }
                    match self.reader.finish() {
                        Some(Ok(observation)) => return Some(observation),
                        Some(Err(fault)) => self.tally.fault(&fault),
                        None => {}
                    }
                    return None;
                }
            }
        }
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        (self.start, self.source) == (other.start, other.source)
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.start, self.source).cmp(&(other.start, other.source))
    }
}

#[cfg(test)]
mod tests;
