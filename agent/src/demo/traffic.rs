//! The requests of the demonstration, each sent at its time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::client;
use super::plan::Request;
use crate::gap::challenge::{Challenge, Pair};

/// Requests under way at once.
const AT_ONCE: usize = 8;
/// Between a marked request's answer and the next window: a service may go on working for it for a while, and what it
/// does then is nobody's evidence.
const REST: Duration = Duration::from_millis(110);
/// Marked requests whose time is remembered.
const REMEMBERED: usize = 8;

/// A service, its own address and that of the proxy before it.
pub(super) type Place = (&'static str, SocketAddr, SocketAddr);

/// Requests on their way to the proxies.
pub(super) struct Traffic<'a> {
    places: &'a [Place],
    under_way: UnderWay,
    pairs: BTreeMap<u32, Pair>,
}

impl<'a> Traffic<'a> {
    /// Nothing sent yet.
    pub(super) fn new(places: &'a [Place]) -> Self {
        Self { places, under_way: UnderWay::default(), pairs: BTreeMap::new() }
    }

    /// Sends each request at its time, and waits until all are answered. On a slow machine the times move: each window
    /// lasts until its request is answered, and as long where none is sent.
    pub(super) async fn send(&mut self, requests: &[Request], progress: &mut dyn FnMut(usize)) {
        let mut start = Instant::now();
        let mut free = start;
        let moments = moments(requests);
        let first = moments.first().map_or(Duration::ZERO, |(at, _)| *at);
        for (at, moment) in moments {
            let at = at.saturating_sub(first);
            if moment.begins_a_window() {
                self.under_way.marked_are_done(progress).await;
                let rested = self.under_way.last_marked.map_or(free, |last| free.max(last + REST));
                start += Instant::now().max(rested).saturating_duration_since(start + at);
            }
            sleep_until(start + at).await;
            match moment {
                Moment::Control(request) => {
                    self.note(request, |pair| pair.control = unix_now());
                    free = Instant::now() + self.under_way.longest();
                }
                Moment::Send(request) => {
                    self.under_way.has_room(progress).await;
                    self.note(request, |pair| pair.sent = unix_now());
                    let proxy = self.places.iter().find(|(service, ..)| *service == request.entry);
                    proxy.into_iter().for_each(|(_, _, proxy)| self.under_way.send(*proxy, request));
                }
            }
        }
        self.under_way.all_are_done(progress).await;
    }

    /// When the marked requests were sent, each with the time at which none was.
    pub(super) fn challenge(&self) -> Challenge {
        Challenge { pairs: self.pairs.values().copied().collect() }
    }

    /// The status each request was answered with, by its number.
    pub(super) fn answers(self) -> BTreeMap<u32, u16> {
        self.under_way.answers
    }

    /// Notes one of the two times of a marked request; each is 0 as long as it has not come.
    fn note(&mut self, request: &Request, note: impl FnOnce(&mut Pair)) {
        if let Some(mark) = request.mark {
            let none = Pair { trace_id: mark.trace_id, sent: 0, control: 0 };
            note(self.pairs.entry(request.number).or_insert(none));
        }
    }
}

/// What happens at one time.
enum Moment<'a> {
    Send(&'a Request),
    /// This request might as well be sent now.
    Control(&'a Request),
}

impl Moment<'_> {
    const fn begins_a_window(&self) -> bool {
        match self {
            Self::Send(request) => request.mark.is_some(),
            Self::Control(_) => true,
        }
    }
}

fn moments(requests: &[Request]) -> Vec<(Duration, Moment<'_>)> {
    let sent = requests.iter().map(|request| (request.at, Moment::Send(request)));
    let controls = requests.iter().filter_map(|request| Some((request.mark?.control, Moment::Control(request))));
    let mut all: Vec<_> = sent.chain(controls).collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Requests that are not answered yet.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<Done>,
    marked: usize,
    done: usize,
    answers: BTreeMap<u32, u16>,
    /// When the last marked one was answered.
    last_marked: Option<Instant>,
    /// How long the last marked ones took.
    took: VecDeque<Duration>,
}

/// A request, and what came of it.
struct Done {
    number: u32,
    is_marked: bool,
    took: Duration,
    status: Option<u16>,
}

impl UnderWay {
    fn send(&mut self, proxy: SocketAddr, request: &Request) {
        let (number, path, context) = (request.number, request.path(), request.context.clone());
        let is_marked = request.mark.is_some();
        self.marked += usize::from(is_marked);
        self.tasks.spawn(async move {
            let begun = Instant::now();
            let status = client::get(proxy, &path, &context).await.ok();
            Done { number, is_marked, took: begun.elapsed(), status }
        });
    }

    async fn marked_are_done(&mut self, progress: &mut dyn FnMut(usize)) {
        while self.marked > 0 && self.next(progress).await {}
    }

    async fn has_room(&mut self, progress: &mut dyn FnMut(usize)) {
        while self.tasks.len() >= AT_ONCE && self.next(progress).await {}
    }

    async fn all_are_done(&mut self, progress: &mut dyn FnMut(usize)) {
        while self.next(progress).await {}
    }

    /// Waits for the next one to be done; false when there is none. What has no answer is missing from the answers, and
    /// found when they are compared with the requests.
    async fn next(&mut self, progress: &mut dyn FnMut(usize)) -> bool {
        let Some(joined) = self.tasks.join_next().await else { return false };
        self.done += 1;
        progress(self.done);
        let Ok(done) = joined else { return true };
        self.answers.extend(done.status.map(|status| (done.number, status)));
        if done.is_marked {
            self.marked = self.marked.saturating_sub(1);
            self.last_marked = Some(Instant::now());
            self.took.push_back(done.took);
            if self.took.len() > REMEMBERED {
                self.took.pop_front();
            }
        }
        true
    }

    /// How long a window may be: as long as the slowest of the last ones.
    fn longest(&self) -> Duration {
        self.took.iter().max().copied().unwrap_or_default()
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
