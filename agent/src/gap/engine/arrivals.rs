//! Findings about requests as they arrive, which belong to no hop: monitors without their mark, marks that are not
//! trusted, heads that cannot be read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::head::MarkState;
use super::hops::count;
use super::sighting::Sighting;
use super::texts::{Text, Texts};
use super::verdict::sorted;
use crate::gap::code::Code;
use crate::gap::judgement::Arrival;
use crate::gap::observation::Completeness;

/// Places of which arrivals are counted.
const MOST: usize = 1 << 14;

/// Arrivals by place.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    places: BTreeMap<[u32; 3], Place>,
}

/// One method and route of a service.
#[derive(Debug, Default)]
struct Place {
    total: u64,
    synthetic: u64,
    marked: u64,
    found: Vec<(Code, Found)>,
    /// Why heads were not seen whole.
    not_whole: Vec<(Completeness, u64)>,
}

#[derive(Debug)]
struct Found {
    count: u64,
    example: Option<SocketAddr>,
    seen: (u64, u64),
}

impl Arrivals {
    /// Counts one request.
    pub(super) fn count(&mut self, sighting: &Sighting, is_preflight: bool) {
        let key = [sighting.service.0, sighting.method.0, sighting.route.0];
        if self.places.len() >= MOST && !self.places.contains_key(&key) {
            return;
        }
        let place = self.places.entry(key).or_default();
        place.total += 1;
        let mark = sighting.head.as_ref().map_or(MarkState::Missing, |head| head.mark);
        if !sighting.is_whole() {
            count(&mut place.not_whole, sighting.completeness, 1);
            return place.find(Code::NotObservable, sighting);
        }
        match mark {
            MarkState::Counts => place.marked += 1,
            MarkState::There if sighting.head.as_ref().is_some_and(|head| !head.is_malformed) => {
                place.marked += 1;
                place.find(Code::MarkUntrusted, sighting);
            }
            _ => {}
        }
        // A browser sends preflights by itself: no check can mark them.
        if sighting.is_synthetic && !is_preflight {
            place.synthetic += 1;
            if matches!(mark, MarkState::Missing | MarkState::Unknown) {
                place.find(Code::MonitorUnmarked, sighting);
            }
        }
    }

    /// So many requests or calls of a service were lost, or passed over.
    pub(super) fn lose(&mut self, service: Text, other: Text, (why, lost): (Completeness, u64), at: u64) {
        let key = [service.0, other.0, other.0];
        if self.places.len() >= MOST && !self.places.contains_key(&key) {
            return;
        }
        let place = self.places.entry(key).or_default();
        place.total = place.total.saturating_add(lost);
        count(&mut place.not_whole, why, lost);
        place.add(Code::NotObservable, (lost, None), at);
    }

    /// What was found, in no order.
    pub(super) fn found(&self, texts: &Texts) -> Vec<Arrival> {
        let mut all = Vec::new();
        for ([service, method, route], place) in &self.places {
            let [service, method, route] = [service, method, route].map(|text| texts.text(Text(*text)));
            for (code, found) in &place.found {
                let of = match code {
                    Code::MonitorUnmarked => place.synthetic,
                    Code::MarkUntrusted => place.marked,
                    _ => place.total,
                };
                all.push(Arrival {
                    service: service.clone(),
                    method: method.clone(),
                    route: route.clone(),
                    code: *code,
                    count: found.count,
                    of,
                    example: found.example,
                    not_whole: if *code == Code::NotObservable { sorted(&place.not_whole) } else { Vec::new() },
                    seen: found.seen,
                });
            }
        }
        all
    }
}

impl Place {
    fn find(&mut self, code: Code, sighting: &Sighting) {
        self.add(code, (1, sighting.address.as_deref().copied()), sighting.start);
    }

    fn add(&mut self, code: Code, (more, example): (u64, Option<SocketAddr>), time: u64) {
        match self.found.iter_mut().find(|(known, _)| *known == code) {
            Some((_, found)) => {
                found.count = found.count.saturating_add(more);
                found.example = found.example.or(example);
                found.seen = (found.seen.0.min(time), found.seen.1.max(time));
            }
            None => self.found.push((code, Found { count: more, example, seen: (time, time) })),
        }
    }
}
