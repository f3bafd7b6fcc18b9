//! Places, gates, and what is counted when a record does not get through.

use super::*;
use crate::export::example::{edge, record};

fn queue(takes_unmarked: bool) -> Queue {
    Queue::new(QueueConfig { capacity: 6, batch: 4, ..QueueConfig::default() }, takes_unmarked, Arc::default())
}

#[test]
fn places_are_reserved_kept_and_given_back() {
    let queue = queue(true);
    assert_eq!((queue.reserve(3), queue.reserve(3)), (Ok(()), Ok(())));
    assert_eq!(queue.reserve(1), Err(NoRoom::QueueFull));
    queue.counts.start(2);
    queue.deliver(record(1, &edge(false)), 3);
    assert_eq!((queue.used(), queue.waiting()), (5, 2), "the place of the attempt not made came back");
    queue.release(3);
    let mut records = Vec::new();
    assert_eq!(queue.take(&mut records), 2);
    assert_eq!((records.len(), queue.used(), queue.waiting()), (1, 2, 0), "taken spans hold their places");
}

#[test]
fn gates_let_through_what_they_say() {
    for (gate, answers, reason) in [
        (Gate::Open, [Ok(()), Ok(())], "the normal state"),
        (Gate::Shut, [Err(NoRoom::CircuitOpen); 2], "nothing can be delivered"),
        (Gate::One, [Ok(()), Err(NoRoom::CircuitOpen)], "one request to try with"),
        (Gate::Stopped, [Err(NoRoom::Off); 2], "no export any more"),
    ] {
        let queue = queue(true);
        queue.set_gate(gate);
        assert_eq!([queue.reserve(1), queue.reserve(1)], answers, "{reason}");
    }
}

#[test]
fn unmarked_spans_never_go_to_a_checkly_endpoint() {
    for (marked, takes_unmarked, dropped) in [(false, false, 2), (true, false, 0), (false, true, 0)] {
        let queue = queue(takes_unmarked);
        assert_eq!(queue.reserve(3), Ok(()));
        queue.counts.start(2);
        queue.deliver(RequestRecord { marked, ..record(1, &edge(false)) }, 3);
        assert_eq!(queue.counts.dropped.get(DropReason::UnmarkedToCheckly), dropped);
        assert_eq!((queue.used(), queue.counts.in_flight.get()), (2 - dropped, 2 - dropped));
    }
}

#[test]
fn a_sealed_queue_drops_what_it_has_and_what_comes() {
    let queue = queue(true);
    for number in 0..2 {
        assert_eq!(queue.reserve(2), Ok(()));
        queue.counts.start(2);
        if number == 1 {
            queue.seal();
        }
        queue.deliver(record(number, &edge(false)), 2);
    }
    assert_eq!(queue.counts.dropped.get(DropReason::Shutdown), 4);
    assert_eq!((queue.counts.orphaned.get(), queue.counts.in_flight.get(), queue.used()), (2, 0, 0));
}

#[test]
fn many_threads_never_pass_the_capacity() {
    let queue = Queue::new(QueueConfig { capacity: 100, ..QueueConfig::default() }, true, Arc::default());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    if queue.reserve(3).is_ok() {
                        queue.counts.start(2);
                        queue.deliver(record(1, &edge(false)), 3);
                    }
                }
            });
        }
    });
    assert!(queue.waiting() <= 100 && queue.waiting() > 90, "{}", queue.waiting());
    assert_eq!(queue.used(), queue.waiting());
}
