//! Records of the kernel programs: a conversation of short steps, or any bytes.

use super::super::gap::observation::{Completeness, Direction};
use super::super::probe::streams::{Bounds, Streams};

const BOUNDS: Bounds = Bounds {
    connections: 3,
    interleaved: 1,
    under_way: 6,
    heads: 200,
    held: 200,
    finished: 50,
    head_bytes: 8192,
    hold: 1000,
    patience: 100_000,
    idle: 10_000,
};

/// What a step moves.
const PIECES: [&[u8]; 8] = [
    b"GET /a HTTP/1.1\r\n\r\n",
    b"POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
    b"abc",
    b"GET /c HTTP/1.1\r\nx: ",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
    b"HTTP/1.1 204 No\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

/// Records of any content are taken within bounds, and what is told of them makes sense.
pub fn records(data: &[u8]) {
    let mut streams = Streams::new(BOUNDS);
    let _ = streams.read(data);
    let mut far = [[0u64; 2]; 4];
    let mut time = 0;
    for step in data.chunks_exact(3) {
        let &[what, flags, odd] = step else { continue };
        time += 100 * u64::from(1 + (odd & 7));
        let (connection, way) = (usize::from(what & 3), usize::from(what >> 2 & 1));
        let piece = PIECES.iter().cycle().nth(usize::from(what >> 3 & 7)).expect("there is one");
        let [mine, other] = [far[connection][way], far[connection][1 - way]];
        let skipped = if odd & 0xc0 == 0xc0 { u64::from(odd) } else { 0 };
        // A record tells its place, and now and then a wrong one.
        let kind = if odd & 0x38 == 0x38 { flags % 9 } else { 2 };
        let mut record = vec![kind, way as u8];
        record.extend((u16::from(flags) & 0x7f).to_ne_bytes());
        record.extend((piece.len() as u32).to_ne_bytes());
        for field in [time, connection as u64] {
            record.extend(field.to_ne_bytes());
        }
        record.extend(1u32.to_ne_bytes());
        record.extend(u32::from(flags >> 6).to_ne_bytes());
        for field in [mine + skipped, other, time / 2, time, u64::from(odd >> 5)] {
            record.extend(field.to_ne_bytes());
        }
        record.extend((piece.len() as u32).to_ne_bytes());
        record.extend(u32::from(odd & 1).to_ne_bytes());
        record.extend_from_slice(piece);
        far[connection][way] = mine + skipped + piece.len() as u64;
        assert!(streams.read(&record).is_some(), "it is as long as it says");
        streams.advance(time);
        assert!(streams.connections() <= BOUNDS.connections);
    }
    streams.advance(time + 10 * BOUNDS.patience);
    let mut told = 0;
    for exchange in streams.exchanges() {
        told += 1;
        assert!(exchange.end.is_none_or(|end| end >= exchange.start), "it ends after it began");
        assert!(exchange.completeness != Completeness::Whole || exchange.head.is_some(), "what is whole can be read");
        let waited = exchange.threads.and_then(|threads| threads.waited_elsewhere);
        assert!(exchange.direction == Direction::In || waited.is_none(), "only who serves waits elsewhere");
    }
    assert!(told <= BOUNDS.finished);
}
