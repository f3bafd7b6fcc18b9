//! Notes survive their words, rings lose and count, sets are bounded.

use proptest::prelude::*;

use super::known::{Known, MAX_ROUTES};
use super::*;
use crate::trace::counts::Label;

fn note() -> impl Strategy<Value = Note> {
    let context = prop::option::of((any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u8>()).prop_filter_map(
        "ids are never zero",
        |(trace, parent, flags)| {
            let trace_id = TraceId::from_bytes(trace)?;
            Some(Ids { trace_id, parent_id: SpanId::from_bytes(parent)?, flags: Flags::from_byte(flags) })
        },
    ));
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u16>());
    let words = (prop::sample::select(Mark::ALL), prop::sample::select(Method::ALL), any::<[bool; 3]>());
    (context, numbers, words).prop_map(|(context, numbers, (mark, method, traits))| {
        let (begun, duration, route, connection, status) = numbers;
        let [has_tracestate, synthetic, relayed] = traits;
        let traits = Traits { has_tracestate, synthetic, relayed };
        Note { begun, duration, context, mark, route, connection, status, method, traits }
    })
}

fn numbered(begun: u64) -> Note {
    Note { begun, ..Note::from_words([0; WORDS]) }
}

#[test]
fn a_note_is_one_cache_line() {
    assert_eq!(size_of::<[u64; WORDS]>(), 64);
}

#[test]
fn what_finds_no_room_is_lost_and_counted() {
    let ring = Ring::new(3);
    (0..5).for_each(|begun| ring.write(&numbered(begun)));
    let mut read = Vec::new();
    ring.drain(|note| read.push(note.begun));
    assert_eq!((read, ring.take_lost(), ring.take_lost()), (vec![0, 1, 2], 2, 0));
    (5..8).for_each(|begun| ring.write(&numbered(begun)));
    let mut read = Vec::new();
    ring.drain(|note| read.push(note.begun));
    assert_eq!((read, ring.take_lost()), (vec![5, 6, 7], 0), "what was read makes room");
}

#[test]
fn two_threads_lose_nothing_uncounted_and_mix_nothing() {
    const NOTES: u64 = 200_000;
    let ring = Ring::new(64);
    let mut next = 0;
    let mut read = 0;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..NOTES).for_each(|at| ring.write(&Note { duration: at * 3, ..numbered(at) })));
        while !writer.is_finished() {
            ring.drain(|note| {
                assert!(note.begun >= next && note.duration == note.begun * 3, "whole and in order");
                next = note.begun + 1;
                read += 1;
            });
        }
    });
    ring.drain(|_| read += 1);
    assert_eq!(read + ring.take_lost(), NOTES);
}

#[test]
fn a_set_of_routes_is_bounded() {
    let known = KnownRoutes::default();
    let routes = || (1..=MAX_ROUTES as u64).map(|route| route.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for route in routes() {
        assert_eq!(known.look(route), Known::New);
        known.add(route);
        known.add(route);
        assert_eq!(known.look(route), Known::Yes);
    }
    assert_eq!(known.look(7), Known::Full);
    known.add(7);
    assert_eq!(known.look(7), Known::Full, "nothing more is taken in");
    assert!(routes().all(|route| known.look(route) == Known::Yes));
    let colliding = KnownRoutes::default();
    [5, 5 + 2048, 5 + 4096].iter().for_each(|route| colliding.add(*route));
    assert_eq!((colliding.look(5 + 4096), colliding.look(5 + 6144)), (Known::Yes, Known::New));
}

#[test]
fn methods_have_the_names_of_the_request_line() {
    for method in Method::ALL {
        assert_eq!(Method::of(method.name().as_bytes()), *method);
    }
    assert_eq!(Method::of(b"get"), Method::Other, "methods are compared byte for byte");
}

proptest! {
    #[test]
    fn a_note_is_its_words(note in note()) {
        prop_assert_eq!(Note::from_words(note.words()), note);
    }

    #[test]
    fn any_words_are_a_note(words in any::<[u64; WORDS]>()) {
        let note = Note::from_words(words);
        prop_assert_eq!(Note::from_words(note.words()), note);
    }
}
