//! What a request leaves for a report, where one is fed: a note when it ends, however it ends, and its header lines
//! where these say more than a note holds.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;
use http::header::USER_AGENT;
use pingora::http::RequestHeader;

use super::context::Judged;
use super::present::Present;
use crate::gap::note::{Ids, Method, Note, Traits};
use crate::gap::sink::{Callee, ObservationSink, Sighting};
use crate::trace::monitor::is_monitor;
use crate::trace::traceparent::Incoming;

/// Header lines of one field that are kept.
const MAX_LINES: usize = 8;
/// Bytes of one header line that are kept.
const MAX_LINE: usize = 8 * 1024;
const MAX_METHOD: usize = 32;
const MAX_HOST: usize = 255;

/// A request under way. Dropping it leaves it as it is: a task may be cut off.
pub(super) struct Observed {
    sink: Arc<dyn ObservationSink>,
    note: Note,
    /// Only where a note does not hold everything.
    sighting: Option<Box<Sighting>>,
}

/// What else is known of a request when its head has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surrounding {
    pub(super) connection: u32,
    /// Its source is one of those whose marks are trusted by name.
    pub(super) from_trusted: bool,
    /// It came to an egress listener, and a callee will be named.
    pub(super) is_egress: bool,
}

impl Observed {
    /// Begins with a head. Allocates nothing for an ordinary request without a mark.
    pub(super) fn begin(
        sink: &Arc<dyn ObservationSink>,
        request: &RequestHeader,
        present: Present,
        judged: &Judged,
        surrounding: Surrounding,
    ) -> Self {
        let method = Method::of(request.method.as_str().as_bytes());
        let note = Note {
            begun: sink.now(),
            duration: 0,
            context: judged.context.valid().map(|context| Ids::from(*context)),
            mark: judged.mark,
            route: sink.route(request.raw_path()),
            connection: surrounding.connection,
            status: 0,
            method,
            traits: Traits {
                has_tracestate: judged.tracestate.present,
                synthetic: surrounding.from_trusted || present.user_agent && names_monitor(request),
                relayed: present.via || present.forwarded_for,
            },
        };
        let is_plain = match &judged.context {
            Incoming::Absent => true,
            Incoming::Valid(context) => context.version == 0,
            Incoming::Invalid(_) => false,
        };
        let fits = is_plain && !judged.mark.counts() && method != Method::Other && !surrounding.is_egress;
        let sighting = (!fits).then(|| sighting(request, judged, note));
        Self { sink: Arc::clone(sink), note, sighting }
    }

    /// An egress listener names whom it calls, as far as it knows by now.
    pub(super) fn calls(&mut self, host: &str, address: Option<SocketAddr>) {
        if let Some(sighting) = &mut self.sighting {
            let host = host.get(..host.floor_char_boundary(MAX_HOST)).unwrap_or_default();
            sighting.callee = Some(Callee { address, host: host.into(), encrypted: false });
        }
    }

    /// Another `traceparent` goes on than came.
    pub(super) fn delivers(&mut self, traceparent: &[u8]) {
        if let Some(sighting) = &mut self.sighting {
            sighting.delivered = std::str::from_utf8(traceparent).ok().map(Arc::from);
        }
    }

    /// The request is over; `status` is what the client got.
    pub(super) fn end(mut self, status: Option<u16>) {
        self.note.status = status.unwrap_or(0);
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.note.duration = self.sink.now().saturating_sub(self.note.begun);
        match self.sighting.take() {
            Some(mut sighting) => {
                sighting.note = self.note;
                self.sink.sight(sighting);
            }
            None => self.sink.leave(&self.note),
        }
    }
}

fn sighting(request: &RequestHeader, judged: &Judged, note: Note) -> Box<Sighting> {
    let lines = |name: &str, present: bool| -> Vec<Arc<str>> {
        if !present {
            return Vec::new();
        }
        request.headers.get_all(name).iter().take(MAX_LINES).map(line).collect()
    };
    let method = request.method.as_str();
    Box::new(Sighting {
        note,
        method: method.get(..method.floor_char_boundary(MAX_METHOD)).unwrap_or_default().into(),
        traceparent: lines("traceparent", judged.context != Incoming::Absent),
        delivered: None,
        tracestate: lines("tracestate", judged.tracestate.present),
        problem: if let Incoming::Invalid(problem) = judged.context { Some(problem) } else { None },
        callee: None,
    })
}

fn line(value: &HeaderValue) -> Arc<str> {
    let bytes = value.as_bytes();
    String::from_utf8_lossy(bytes.get(..MAX_LINE).unwrap_or(bytes)).into()
}

/// Whether the user agent names a monitor.
fn names_monitor(request: &RequestHeader) -> bool {
    request.headers.get(USER_AGENT).is_some_and(|agent| is_monitor(agent.as_bytes()))
}
