//! What is told of a connection, and why more is not.

use super::head::{RequestHead, ResponseHead};
use super::recognise::Protocol;

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the client to the server.
    Requests,
    /// From the server to the client.
    Responses,
}

/// Something that the last bytes showed. `exchange` numbers the requests of a connection from 0, in the order they began;
/// with HTTP/2 they end in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What the connection carries. Comes once before everything else, and once more where the protocol is changed by an
    /// `Upgrade: h2c`. Nothing but this follows for protocols other than HTTP/1 and HTTP/2.
    Recognised(Protocol),
    /// The first byte of a request's head has come.
    Began {
        /// Which.
        exchange: u64,
    },
    /// A request's head has come.
    Request {
        /// Which.
        exchange: u64,
        /// What it says.
        head: Box<RequestHead>,
    },
    /// The last byte of a request's content and trailers has come.
    RequestEnd {
        /// Which.
        exchange: u64,
        /// Whether it was seen. Otherwise it is known from the next request that it must have come.
        seen: bool,
    },
    /// An interim answer (1xx, but not 101) has come.
    Interim {
        /// To which.
        exchange: u64,
        /// 100 to 199.
        status: u16,
    },
    /// The head of the final answer has come.
    Response {
        /// To which.
        exchange: u64,
        /// What it says.
        head: ResponseHead,
    },
    /// The last byte of the answer has come.
    ResponseEnd {
        /// To which.
        exchange: u64,
        /// Whether it was seen. Otherwise it is known from the next request that it must have come.
        seen: bool,
    },
    /// An HTTP/2 stream was reset; nothing more comes of this exchange.
    Reset {
        /// Which.
        exchange: u64,
    },
    /// The exchange turned the connection into something else: a WebSocket, a tunnel. Nothing more comes of it, nor of the
    /// connection.
    Switched {
        /// Which.
        exchange: u64,
    },
    /// What the bytes mean is not known any more. Nothing more comes of the exchanges under way. A connection of HTTP/1
    /// may be found again at the beginning of a later turn, one of HTTP/2 is not.
    Lost(Lost),
}

/// Why the thread was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lost {
    /// Bytes went by unseen where their meaning matters.
    Hole,
    /// A head or a list of fields is longer than is looked at.
    TooLong,
    /// The bytes are not what the protocol has in this place.
    Malformed,
    /// An answer without a request.
    Unsolicited,
    /// An answer whose request may be among bytes that went by unseen: pipelined behind long content, for example.
    Unseen,
    /// More requests are under way than are followed.
    TooMany,
}
