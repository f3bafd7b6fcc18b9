//! The proxies that serve: which threads they run on, and how they are replaced while others stay as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::egress::{Egress, Own};
use super::phases::Phases;
use super::shared::Shared;
use super::worker::{self, Ending, Plan};
use super::{Bound, ProxyError, Sockets, Surroundings, egress_config, first_lookup, share};
use crate::config::ProxyConfig;

/// Proxies that serve.
pub struct Serving {
    threads: Vec<JoinHandle<()>>,
    /// Where each thread takes its plans from.
    feeds: Vec<UnboundedSender<Plan>>,
    proxies: Vec<Served>,
    /// What all of them listen on.
    own: Arc<ArcSwap<Own>>,
}

/// What a change of configuration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Proxies that are as they were, with all their connections.
    pub kept: usize,
    /// Proxies that listen where one listened before, and do otherwise than that.
    pub changed: usize,
    /// Proxies where none was.
    pub added: usize,
    /// Proxies that drain, and end.
    pub removed: usize,
}

/// A proxy that serves.
struct Served {
    config: ProxyConfig,
    /// The sockets of its threads, once more: they stay open as long as the address is wanted.
    sockets: Sockets,
    egress: Option<Sockets>,
    stop: watch::Sender<bool>,
    handed_over: Arc<AtomicBool>,
    names: Vec<tokio::task::JoinHandle<()>>,
}

/// A proxy that is about to serve: everything that can fail has been done.
struct Ready {
    config: ProxyConfig,
    listener: Entry,
    egress: Option<Entry>,
    stop: watch::Sender<bool>,
}

/// One listener of it: what its threads share, their sockets, and these once more.
struct Entry {
    shared: Arc<Shared>,
    sockets: Sockets,
    clones: Sockets,
}

/// What becomes of a wanted proxy.
enum Fate {
    /// It serves already, at this place among the present ones.
    Kept(usize),
    /// It is new; the present one at this place hands its listeners over.
    New(Box<Ready>, Option<usize>),
}

/// Starts to serve. Each of `all` has as many sockets as there are to be threads.
///
/// # Errors
/// An upstream that is the proxy itself; a thread that cannot be started. Nothing serves then.
pub fn serve(all: Vec<Bound>, threads: usize, surroundings: &Surroundings) -> Result<Serving, ProxyError> {
    let own = Arc::new(ArcSwap::from_pointee(Own {
        proxies: all.iter().map(Bound::address).collect(),
        egress: all.iter().filter_map(Bound::egress_address).collect(),
    }));
    let ready = all.into_iter().map(|bound| Ready::new(bound, surroundings, &own)).collect::<Result<Vec<_>, _>>()?;
    let mut serving = Serving { threads: Vec::new(), feeds: Vec::new(), proxies: Vec::new(), own };
    for number in 0..threads.max(1) {
        let (feed, plans): (_, UnboundedReceiver<Plan>) = unbounded_channel();
        match worker::start(number, plans) {
            Ok(thread) => serving.threads.push(thread),
            Err(error) => {
                serving.stop();
                return Err(error.into());
            }
        }
        serving.feeds.push(feed);
    }
    serving.proxies = ready.into_iter().map(|ready| ready.begin(&serving.feeds, surroundings)).collect();
    Ok(serving)
}

impl Serving {
    /// Where each proxy listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.proxies.iter().map(|served| served.sockets.address).collect()
    }

    /// Where the egress listeners are, of the proxies that have one.
    #[must_use]
    pub fn egress_addresses(&self) -> Vec<SocketAddr> {
        self.proxies.iter().filter_map(|served| Some(served.egress.as_ref()?.address)).collect()
    }

    /// Serves what is wanted from now on. Proxies whose configuration is the same are left alone. A listener whose
    /// address is still wanted never closes; what is not wanted any more drains.
    ///
    /// # Errors
    /// An address that cannot be had, an upstream that is the proxy itself. Everything is as it was then.
    pub fn replace(&mut self, wanted: Vec<ProxyConfig>, surroundings: &Surroundings) -> Result<Changes, ProxyError> {
        let mut free: Vec<bool> = self.proxies.iter().map(|_| true).collect();
        let kept: Vec<Option<usize>> =
            wanted.iter().map(|config| self.find(&mut free, |served| served.config == *config)).collect();
        let mut fates = Vec::new();
        for (config, kept) in wanted.into_iter().zip(kept) {
            fates.push(match kept {
                Some(place) => Fate::Kept(place),
                None => {
                    let before = self.find(&mut free, |served| served.is_succeeded_by(&config));
                    let bound = match before.and_then(|place| self.proxies.get(place)) {
                        Some(served) => {
                            let threads = self.feeds.len();
                            Bound::at(config, &served.sockets)?.with_egress(threads, served.egress())?
                        }
                        None => Bound::bind(config, self.feeds.len()).map_err(|error| self.explained(error))?,
                    };
                    Fate::New(Box::new(Ready::new(bound, surroundings, &self.own)?), before)
                }
            });
        }
        Ok(self.settle(fates, surroundings))
    }

    /// Who holds an address that is in use, if it is one of these proxies.
    fn explained(&self, error: ProxyError) -> ProxyError {
        match error {
            ProxyError::Listen { address, cause, .. }
                if cause.kind() == std::io::ErrorKind::AddrInUse
                    && self.addresses().iter().any(|own| own.port() == address.port()) =>
            {
                let remedy = "a proxy of this agent listens there until a restart; restart it, or choose another port";
                ProxyError::Listen { address, cause, remedy }
            }
            other => other,
        }
    }

    /// The first present proxy that is free and fits; it is free no more.
    fn find(&self, free: &mut [bool], fits: impl Fn(&Served) -> bool) -> Option<usize> {
        let mut places = self.proxies.iter().zip(free.iter_mut()).enumerate();
        let (place, (_, free)) = places.find(|(_, (served, free))| **free && fits(served))?;
        *free = false;
        Some(place)
    }

    /// Nothing here can fail.
    fn settle(&mut self, fates: Vec<Fate>, surroundings: &Surroundings) -> Changes {
        let mut before: Vec<Option<Served>> = std::mem::take(&mut self.proxies).into_iter().map(Some).collect();
        let mut changes = Changes::default();
        for fate in fates {
            match fate {
                Fate::Kept(place) => {
                    changes.kept += 1;
                    self.proxies.extend(before.get_mut(place).and_then(Option::take));
                }
                Fate::New(ready, place) => {
                    self.proxies.push(ready.begin(&self.feeds, surroundings));
                    match place.and_then(|place| before.get_mut(place)).and_then(Option::take) {
                        Some(served) => {
                            changes.changed += 1;
                            served.handed_over.store(true, Relaxed);
                            served.end();
                        }
                        None => changes.added += 1,
                    }
                }
            }
        }
        for served in before.into_iter().flatten() {
            changes.removed += 1;
            served.end();
        }
        self.own.store(Arc::new(Own { proxies: self.addresses(), egress: self.egress_addresses() }));
        changes
    }

    /// Stops: listeners close, answers ask their clients to close, requests in flight finish within the drain time.
    /// Blocks until all threads have ended.
    pub fn stop(self) {
        self.proxies.into_iter().for_each(Served::end);
        drop(self.feeds);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a proxy thread ended in a panic");
            }
        }
    }
}

impl Served {
    /// Whether a proxy of this configuration takes its listeners over. Those on port 0 are told apart by their service.
    fn is_succeeded_by(&self, config: &ProxyConfig) -> bool {
        self.config.listen == config.listen && (config.listen.port() != 0 || self.config.service == config.service)
    }

    /// Where its egress listener was to be, and its sockets.
    fn egress(&self) -> Option<(SocketAddr, &Sockets)> {
        Some((self.config.egress.as_ref()?.listen, self.egress.as_ref()?))
    }

    fn end(self) {
        self.names.iter().for_each(tokio::task::JoinHandle::abort);
        // The threads close theirs when they have accepted the last connections.
        drop((self.sockets, self.egress));
        // Without receivers all threads have ended already.
        let _ = self.stop.send(true);
    }
}

impl Ready {
    fn new(bound: Bound, surroundings: &Surroundings, own: &Arc<ArcSwap<Own>>) -> Result<Self, ProxyError> {
        let (stop, stopping) = watch::channel(false);
        let Bound { config, address, listeners, egress } = bound;
        let sockets = Sockets { address, listeners };
        let listener = Entry::new(config.clone(), None, sockets, surroundings, stopping.clone())?;
        let egress = match (egress, config.egress.clone()) {
            (Some(sockets), Some(settings)) => {
                let rules = Egress::new(settings.upstream.is_none(), settings.allow, Arc::clone(own));
                let config = egress_config(config.clone(), settings.upstream);
                Some(Entry::new(config, Some(rules), sockets, surroundings, stopping)?)
            }
            _ => None,
        };
        Ok(Self { config, listener, egress, stop })
    }

    /// Hands each thread its share.
    fn begin(self, feeds: &[UnboundedSender<Plan>], surroundings: &Surroundings) -> Served {
        let Self { config, listener, egress, stop } = self;
        let handed_over = Arc::new(AtomicBool::new(false));
        let ending = Ending {
            stopping: stop.subscribe(),
            handed_over: Arc::clone(&handed_over),
            drain: surroundings.drain.clone(),
        };
        let address = listener.sockets.address;
        let mut names = Vec::new();
        let mut begin = |entry: Entry| {
            let Entry { shared, sockets, clones } = entry;
            let is_egress = shared.egress.is_some();
            for (feed, listener) in feeds.iter().zip(sockets.listeners) {
                let observers = surroundings.observers.as_ref();
                let sink = observers.map(|observers| observers.sink(&config, address, is_egress));
                // Only a thread that panicked takes no plans; that was reported when it did.
                let phases = Phases(Arc::clone(&shared), sink);
                let _ = feed.send(Plan { phases, listener, ending: ending.clone() });
            }
            if !shared.is_forward() {
                names.push(surroundings.background.spawn(async move { shared.target.keep_resolved().await }));
            }
            clones
        };
        let sockets = begin(listener);
        let egress = egress.map(begin);
        Served { config, sockets, egress, stop, handed_over, names }
    }
}

impl Entry {
    fn new(
        config: ProxyConfig,
        egress: Option<Egress>,
        sockets: Sockets,
        surroundings: &Surroundings,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, ProxyError> {
        let shared = share(config, sockets.address, egress, surroundings, stopping)?;
        // A forward proxy has no upstream to look up.
        if !shared.is_forward() {
            first_lookup(&shared, sockets.address, surroundings)?;
        }
        let clones = sockets.again()?;
        Ok(Self { shared, sockets, clones })
    }
}
