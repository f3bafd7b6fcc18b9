//! Connections whose bytes say nothing: told once, and muted.

use super::kernel::Kernel;
use crate::gap::observation::Completeness::{self, Encrypted, JoinedLate, Lost, OtherProtocol};
use crate::gap::observation::Direction::{self, In, Out};
use crate::probe::streams::{Bounds, Streams, Wish};

const HELLO: &[u8] = &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
const BEGIN_REQUEST: &[u8] = &[1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What is told, and whether the connection is muted.
type Outcome = (Option<(Direction, Completeness)>, bool);
/// Calls on an accepted connection, or on others.
type Script = fn(&mut Kernel);

#[test]
fn what_cannot_be_read_is_told_once_and_muted() {
    let rows: [(&str, Script, Outcome); 9] = [
        ("TLS that arrives", |kernel| kernel.reads(1, 7, HELLO), (Some((In, Encrypted)), true)),
        ("FastCGI that arrives", |kernel| kernel.reads(1, 7, BEGIN_REQUEST), (Some((In, OtherProtocol)), true)),
        ("a server that speaks first", |kernel| kernel.writes(1, 7, b"220 mail ready\r\n"), (None, true)),
        (
            "TLS that leaves",
            |kernel| {
                kernel.connect(2, 7);
                kernel.writes(2, 7, HELLO);
            },
            (Some((Out, Encrypted)), true),
        ),
        (
            "a database",
            |kernel| {
                kernel.connect(2, 7);
                kernel.writes(2, 7, b"*1\r\n$4\r\nPING\r\n");
            },
            (None, true),
        ),
        ("HTTP/2 that was open before", |kernel| kernel.reads(3, 7, PING), (Some((Out, JoinedLate)), true)),
        (
            "something else that was open before",
            |kernel| {
                for _ in 0..4 {
                    kernel.reads(3, 7, b"\xff\xfe what");
                    kernel.writes(3, 7, b"\xff\xfe ever");
                }
            },
            (None, true),
        ),
        (
            "HTTP/2 with a hole",
            |kernel| {
                kernel.reads(1, 7, PREFACE);
                kernel.sends_file(1, 7, 5);
            },
            (Some((In, Lost)), true),
        ),
        ("HTTP/2 from its beginning", |kernel| kernel.reads(1, 7, PREFACE), (None, false)),
    ];
    for (reason, script, (expected, muted)) in rows {
        let mut kernel = Kernel::default();
        kernel.accept(1, 7);
        script(&mut kernel);
        let mut streams = Streams::new(Bounds::default());
        let now = kernel.now;
        kernel.drain(&mut streams);
        streams.advance(now + Bounds::default().patience);
        let told: Vec<_> = streams.exchanges().map(|one| (one.direction, one.completeness)).collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{reason}");
        let wishes: Vec<_> = streams.wishes().collect();
        assert_eq!(wishes.iter().filter(|wish| matches!(wish, Wish::Mute(_))).count(), usize::from(muted), "{reason}");
        assert!(muted || wishes.contains(&Wish::Whole(1)), "{reason}");
    }
}

#[test]
fn what_is_forgotten_gives_back_what_it_held() {
    let bounds = Bounds { connections: 100, heads: 20_000, ..Bounds::default() };
    let mut streams = Streams::new(bounds);
    let mut kernel = Kernel::default();
    for number in 1..=1000 {
        kernel.accept(number, 7);
        kernel.reads(number, 7, b"GET /endless HTTP/1.1\r\nx: ");
        kernel.reads(number, 7, &[b'x'; 1000]);
        kernel.drain(&mut streams);
        assert!(streams.connections() <= bounds.connections && streams.around.heads <= bounds.heads + 2000);
    }
    assert!(streams.counts().no_room > 0 && streams.counts().over_bound > 0, "and it is counted");
    for number in 1..=1000 {
        kernel.close(number);
    }
    kernel.drain(&mut streams);
    let around = &streams.around;
    assert_eq!((streams.connections(), around.heads, around.held, around.under_way), (0, 0, 0, 0));
}
