//! The thread that empties the ring buffer: it parses bytes of strangers, so it may do nothing else.

use std::thread::sleep;
use std::time::Duration;

use throughline_common::connection::Addresses;
use throughline_common::record::{Header, Kind};

use super::clock;
use super::records::Records;
use super::streams::{Streams, ends};
use super::told::{Teller, Told};
use crate::privilege::{Role, narrow};

/// Records that are read before the time is looked at again.
const BATCH: usize = 4096;
/// The pause after many records were found, and the longest where there are few: each is a disturbance to whoever serves.
const PAUSE: Duration = Duration::from_millis(5);
const LONG_PAUSE: Duration = Duration::from_millis(40);
/// Few records fill less than this part of the ring buffer.
const FEW: usize = 64;

/// What the thread works with.
pub(super) struct Reader {
    pub(super) records: Records,
    /// Bytes that the ring buffer has room for.
    pub(super) room: usize,
    pub(super) streams: Streams,
    pub(super) teller: Teller,
}

impl Reader {
    /// Reads until it is told to stop, and then what is left.
    pub(super) fn run(mut self) {
        let narrowed = narrow(Role::Parser);
        self.teller.seen().add_problems(narrowed.problems);
        let mut pause = PAUSE;
        loop {
            let is_last = self.teller.seen().is_stopping();
            let (taken, bytes) = self.read();
            pause = if bytes < self.room / FEW { (pause * 2).min(LONG_PAUSE) } else { PAUSE };
            match taken {
                BATCH => {}
                _ if is_last => return,
                _ => sleep(pause),
            }
        }
    }

    /// One batch, and what came of it. How many records it had, and bytes.
    fn read(&mut self) -> (usize, usize) {
        let Self { records, streams, teller, .. } = self;
        let mut length = 0;
        let taken = records.take(BATCH, |bytes| {
            length += bytes.len();
            if let Some((header, data)) = streams.read(bytes) {
                tell(teller, &header, data);
            }
            // Exchanges are told before the end of their process is.
            hand_over(streams, teller);
        });
        streams.advance(clock::monotonic());
        hand_over(streams, teller);
        teller.seen().count(streams.counts(), streams.connections());
        (taken, length)
    }
}

/// What is told of processes and of the ends of connections.
fn tell(teller: &Teller, header: &Header, data: &[u8]) {
    match Kind::of(header.kind) {
        Some(Kind::Open) => {
            if let Some((Some(local), Some(remote))) = Addresses::read(data).map(|addresses| ends(&addresses)) {
                teller.tell(Told::Opened { connection: header.connection, tgid: header.tgid, local, remote });
            }
        }
        Some(Kind::Close) => teller.tell(Told::Closed(header.connection)),
        Some(Kind::Exec) => teller.tell(Told::Exec(header.tgid)),
        Some(Kind::Fork) => {
            let parent = u32::try_from(header.connection).unwrap_or_default();
            teller.tell(Told::Fork { parent, child: header.tgid });
        }
        Some(Kind::Exit) => teller.tell(Told::Exit(header.tgid)),
        Some(Kind::Uring) => teller.tell(Told::Uring { tgid: header.tgid, time: header.time }),
        Some(Kind::Data) | None => {}
    }
}

fn hand_over(streams: &mut Streams, teller: &Teller) {
    streams.exchanges().for_each(|exchange| teller.tell(Told::Exchange(Box::new(exchange))));
    streams.wishes().for_each(|wish| teller.tell(Told::Wish(wish)));
    streams.losses().for_each(|loss| teller.tell(Told::Loss(loss)));
}
