//! Which proxies feed the report: those of the start, and those that came with a change. Places are never used again, so
//! that what a proxy left before it went still has its service's name.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::feeder::{Hub, Watched};
use crate::config::ProxyConfig;
use crate::proxy::Enrol;
use crate::workload::{Callers, ServiceAt};

/// The list of proxies. Its copies share one.
#[derive(Clone)]
pub(super) struct Roll {
    entries: Arc<Mutex<Vec<Entry>>>,
    hub: Arc<Hub>,
    callers: Callers,
}

struct Entry {
    watched: Watched,
    is_over: bool,
}

impl Roll {
    /// The proxies that the hub knows already.
    pub(super) fn new(watched: Vec<Watched>, hub: Arc<Hub>, callers: Callers) -> Self {
        let entries = watched.into_iter().map(|watched| Entry { watched, is_over: false }).collect();
        Self { entries: Arc::new(Mutex::new(entries)), hub, callers }
    }

    /// What gives each proxy its place.
    pub(super) fn enrol(&self) -> Enrol {
        let roll = self.clone();
        Arc::new(move |config, address| roll.place(watched(config, address)))
    }

    /// These proxies serve from now on, and no others: who runs behind those that went is looked for no more.
    pub(super) fn retain(&self, serving: impl Iterator<Item = Watched>) {
        let serving: Vec<Watched> = serving.collect();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter_mut().for_each(|entry| entry.is_over = !serving.contains(&entry.watched));
        self.tell(&entries);
    }

    fn place(&self, watched: Watched) -> usize {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = entries.iter().position(|entry| entry.watched == watched) {
            return place;
        }
        self.hub.watch(watched.clone());
        entries.push(Entry { watched, is_over: false });
        self.tell(&entries);
        entries.len() - 1
    }

    fn tell(&self, entries: &[Entry]) {
        let service = |entry: &Entry| (!entry.is_over).then(|| entry.watched.service.clone());
        self.callers.serve(entries.iter().map(service).collect());
    }
}

/// A proxy as a report knows it.
pub(super) fn watched(config: &ProxyConfig, listen: SocketAddr) -> Watched {
    let upstream = (config.upstream.host.clone(), config.upstream.port);
    let service = ServiceAt { name: config.service.as_str().into(), upstream, addresses: config.addresses.clone() };
    Watched { service, listen }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(service: &str, listen: u16, upstream: u16) -> Watched {
        let service =
            ServiceAt { name: service.into(), upstream: ("127.0.0.1".to_owned(), upstream), addresses: Vec::new() };
        Watched { service, listen: ([127, 0, 0, 1], listen).into() }
    }

    #[test]
    fn a_place_is_one_proxys_for_good() {
        let (hub, _queues) = Hub::new(8, Arc::default());
        let roll = Roll::new(vec![proxy("shop", 1, 10)], Arc::clone(&hub), Callers::default());
        let rows = [
            (proxy("shop", 1, 10), 0, "it was there at the start"),
            (proxy("cart", 2, 20), 1, "one more"),
            (proxy("cart", 2, 20), 1, "each of its threads asks"),
            (proxy("cart", 2, 30), 2, "it sends elsewhere: another process serves"),
            (proxy("desk", 2, 30), 3, "and bears another name"),
        ];
        for (proxy, place, why) in rows {
            assert_eq!(roll.place(proxy), place, "{why}");
        }
        assert_eq!(hub.take_new().count(), 3, "whoever reads the rings is told of each new one once");
        roll.retain([proxy("desk", 2, 30)].into_iter());
        assert_eq!(roll.place(proxy("shop", 1, 10)), 0, "one that comes back has its place again");
    }
}
