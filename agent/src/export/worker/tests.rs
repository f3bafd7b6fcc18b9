//! The worker against a scripted destination, on paused time: every span is accounted for, whatever happens.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::export::decode::decode_traces;
use crate::export::example::{edge, record};
use crate::export::outcome::Outcome;
use crate::export::resource::Resource;
use crate::export::retry::RETRIES;
use crate::trace::sink::NoRoom;

#[derive(Clone, Copy, Debug)]
enum Reply {
    Take,
    Reject(u64),
    Refuse,
    Down(Option<u64>),
    Hang,
}

/// Answers with the replies in turn, then with the last one for ever.
#[derive(Clone)]
struct Script(Arc<Log>);

struct Log {
    replies: Mutex<VecDeque<Reply>>,
    spans: Mutex<Vec<usize>>,
    calls: AtomicUsize,
}

impl Script {
    fn new(replies: &[Reply]) -> Self {
        let replies = Mutex::new(replies.iter().copied().collect());
        Self(Arc::new(Log { replies, spans: Mutex::default(), calls: AtomicUsize::new(0) }))
    }
    fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }
}

impl Transport for Script {
    async fn send(&self, body: Bytes) -> Outcome {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let reply = {
            let mut replies = self.0.replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front().unwrap() } else { *replies.front().unwrap() }
        };
        let cause = "scripted".to_owned();
        match reply {
            Reply::Take | Reply::Reject(_) => {
                self.0.spans.lock().unwrap().push(decode_traces(&body).unwrap().len());
                let rejected = if let Reply::Reject(spans) = reply { spans } else { 0 };
                Outcome::Accepted { rejected, message: String::new() }
            }
            Reply::Refuse => Outcome::Refused { cause },
            Reply::Down(after) => Outcome::Retry { after: after.map(Duration::from_secs), cause },
            Reply::Hang => std::future::pending().await,
        }
    }
}

struct Rig {
    script: Script,
    queue: Arc<Queue>,
    counts: Arc<SpanCounts>,
    numbers: Arc<Numbers>,
    stop: Option<oneshot::Sender<Instant>>,
    worker: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn start(replies: &[Reply]) -> Self {
        let script = Script::new(replies);
        let config = QueueConfig { capacity: 40, batch: 10, ..QueueConfig::default() };
        let counts = Arc::new(SpanCounts::default());
        let queue = Arc::new(Queue::new(config, true, Arc::clone(&counts)));
        let numbers = Arc::new(Numbers::new(Arc::clone(&queue)));
        let worker = Worker {
            transport: Arc::new(script.clone()),
            encoder: Encoder::new(&Resource::default()),
            queue: Arc::clone(&queue),
            counts: Arc::clone(&counts),
            numbers: Arc::clone(&numbers),
            config,
            policy: Policy { request: Duration::from_secs(10), total: Duration::from_secs(30), retries: RETRIES },
            state: State::default(),
        };
        let (stop, stopped) = oneshot::channel();
        Self { script, queue, counts, numbers, stop: Some(stop), worker: tokio::spawn(worker.run(stopped)) }
    }

    /// Records `requests` of two spans each, as far as there is room.
    fn offer(&self, requests: u64) -> Result<(), NoRoom> {
        for number in 0..requests {
            self.queue.reserve(3)?;
            self.counts.start(2);
            self.queue.deliver(record(number, &edge(false)), 3);
        }
        Ok(())
    }

    /// Lets paused time go by, in steps that let every task run.
    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.check();
    }

    fn check(&self) {
        let counts = &self.counts;
        let ended = counts.exported.get() + counts.rejected.get() + counts.dropped.total();
        assert_eq!(counts.started.get(), ended + counts.in_flight.get());
    }

    async fn stop(&mut self, within: u64) {
        self.stop.take().unwrap().send(Instant::now() + Duration::from_secs(within)).unwrap();
        (&mut self.worker).await.unwrap();
        self.check();
        assert_eq!((self.counts.in_flight.get(), self.queue.used()), (0, 0), "nothing is left");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_full_or_as_old_as_the_delay() {
    let mut rig = Rig::start(&[Reply::Take]);
    rig.offer(7).unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(*rig.script.0.spans.lock().unwrap(), [10], "a full batch leaves at once, the rest waits");
    rig.pass(1).await;
    assert_eq!(*rig.script.0.spans.lock().unwrap(), [10, 4]);
    rig.stop(5).await;
    assert_eq!(rig.counts.exported.get(), 14);
}

#[tokio::test(start_paused = true)]
async fn long_texts_make_short_batches() {
    let mut rig = Rig::start(&[Reply::Take]);
    for number in 0..5 {
        rig.queue.reserve(3).unwrap();
        rig.counts.start(2);
        let mut long = record(number, &edge(false));
        long.path = long.arena.push(&[b'a'; MAX_BATCH_BYTES / 8]);
        rig.queue.deliver(long, 3);
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(*rig.script.0.spans.lock().unwrap(), [4, 4, 2], "endpoints refuse long messages whole, and none waits");
    rig.stop(5).await;
    assert_eq!(rig.counts.exported.get(), 10);
}

#[tokio::test(start_paused = true)]
async fn each_end_is_counted_once() {
    for (replies, requests, exported, rejected, reason, lost) in [
        (&[Reply::Take][..], 3, 6, 0, None, 0),
        (&[Reply::Reject(2)], 3, 4, 2, None, 2),
        (&[Reply::Reject(99)], 3, 0, 6, None, 3),
        (&[Reply::Refuse], 3, 0, 0, Some(DropReason::Refused), 3),
        (&[Reply::Down(None)], 3, 0, 0, Some(DropReason::RetriesExhausted), 3),
        (&[Reply::Down(None), Reply::Down(Some(3)), Reply::Take], 3, 6, 0, None, 0),
        (&[Reply::Down(Some(3600))], 3, 0, 0, Some(DropReason::RetriesExhausted), 3),
        (&[Reply::Hang], 3, 0, 0, Some(DropReason::RetriesExhausted), 3),
        (&[Reply::Hang, Reply::Take], 3, 6, 0, None, 0),
    ] {
        let mut rig = Rig::start(replies);
        rig.offer(requests).unwrap();
        rig.pass(40).await;
        let counts = &rig.counts;
        assert_eq!((counts.exported.get(), counts.rejected.get()), (exported, rejected), "{replies:?}");
        assert_eq!((counts.in_flight.get(), counts.orphaned.get()), (0, lost), "{replies:?}");
        let dropped = reason.map_or(0, |reason| counts.dropped.get(reason));
        assert_eq!(dropped, counts.dropped.total(), "{replies:?}");
        rig.stop(5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_circuit_opens_is_tried_and_closes() {
    let mut rig = Rig::start(&[Reply::Refuse, Reply::Refuse, Reply::Down(None), Reply::Take]);
    rig.offer(10).unwrap();
    rig.pass(1).await;
    assert_eq!((rig.script.calls(), rig.numbers.circuit_open.get()), (2, 1), "two refusals in a row");
    assert_eq!(rig.offer(1), Err(NoRoom::CircuitOpen));
    rig.pass(5).await;
    assert_eq!(rig.script.calls(), 2, "nothing is held, so nothing is tried");
    assert_eq!((rig.offer(1), rig.offer(1)), (Ok(()), Err(NoRoom::CircuitOpen)), "one request to try with");
    rig.pass(1).await;
    assert_eq!((rig.script.calls(), rig.counts.in_flight.get()), (3, 2), "it failed, and is kept");
    assert_eq!(rig.offer(1), Err(NoRoom::CircuitOpen));
    rig.pass(5).await;
    assert_eq!((rig.script.calls(), rig.numbers.circuit_open.get(), rig.counts.exported.get()), (4, 0, 2));
    rig.offer(1).unwrap();
    rig.stop(5).await;
    assert_eq!((rig.counts.exported.get(), rig.counts.dropped.get(DropReason::Refused)), (4, 20));
}

#[tokio::test(start_paused = true)]
async fn records_that_had_a_place_survive_an_open_circuit() {
    let mut rig = Rig::start(&[Reply::Refuse, Reply::Refuse, Reply::Take]);
    rig.queue.reserve(3).unwrap();
    rig.offer(10).unwrap();
    rig.pass(1).await;
    assert_eq!(rig.numbers.circuit_open.get(), 1);
    rig.counts.start(2);
    rig.queue.deliver(record(77, &edge(false)), 3);
    rig.pass(6).await;
    assert_eq!((rig.counts.exported.get(), rig.numbers.circuit_open.get()), (2, 0), "it was the trial");
    rig.stop(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_reservation_given_back_does_not_use_the_trial_up() {
    let mut rig = Rig::start(&[Reply::Refuse, Reply::Refuse, Reply::Take]);
    rig.offer(10).unwrap();
    rig.pass(7).await;
    rig.queue.reserve(3).unwrap();
    rig.queue.release(3);
    assert_eq!(rig.offer(1), Err(NoRoom::CircuitOpen));
    rig.pass(5).await;
    rig.offer(1).unwrap();
    rig.pass(1).await;
    assert_eq!((rig.counts.exported.get(), rig.numbers.circuit_open.get()), (2, 0));
    rig.stop(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_stays_down_costs_places_and_nothing_else() {
    let mut rig = Rig::start(&[Reply::Down(None)]);
    let mut refused = 0;
    for _ in 0..300 {
        refused += u64::from(rig.offer(1).is_err());
        rig.pass(1).await;
        assert!(rig.queue.used() <= 40);
    }
    assert!(refused > 200, "{refused} of 300 went untouched");
    assert_eq!(rig.numbers.circuit_opened.get(), 1);
    assert!(rig.counts.dropped.get(DropReason::CircuitOpen) > 0, "trials are not kept for ever");
    rig.stop(5).await;
    assert_eq!(rig.counts.exported.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_destination_fills_the_queue_and_stops_nothing() {
    let mut rig = Rig::start(&[Reply::Hang]);
    rig.offer(10).unwrap();
    tokio::task::yield_now().await;
    while rig.offer(1).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.offer(1), Err(NoRoom::QueueFull));
    assert_eq!(rig.script.calls(), 2, "two batches under way");
    let before = Instant::now();
    rig.stop(5).await;
    assert_eq!(before.elapsed().as_secs(), 5, "the flush takes no longer than it may");
    assert_eq!(rig.counts.dropped.get(DropReason::Shutdown), rig.counts.started.get());
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_what_is_held() {
    let mut rig = Rig::start(&[Reply::Down(None), Reply::Take]);
    rig.offer(12).unwrap();
    rig.stop(5).await;
    assert_eq!(rig.counts.exported.get(), 24);
}

#[tokio::test(start_paused = true)]
async fn without_a_stop_nothing_is_left_uncounted() {
    let mut rig = Rig::start(&[Reply::Hang]);
    rig.offer(7).unwrap();
    tokio::task::yield_now().await;
    drop(rig.stop.take());
    (&mut rig.worker).await.unwrap();
    rig.check();
    assert_eq!(rig.counts.dropped.get(DropReason::Shutdown), 14);
}
