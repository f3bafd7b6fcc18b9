//! What the proxies count about requests. The span numbers live in `trace::counts`.

use crate::label;
use crate::trace::admission::Admitted;
use crate::trace::counts::{ByLabel, Counter, Gauge, Label, Sample, SampleKind, Samples};
use crate::trace::decision::{Action, TracestateDrop};
use crate::trace::marker::Mark;
use crate::trace::record::ErrorType;
use crate::trace::sink::NoRoom;
use crate::trace::traceparent::TraceparentError;
use crate::trace::tracestate::TracestateError;

/// Why the proxy itself answered or closed instead of forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head is not HTTP/1: answered with 400 before any of it could be read as a request.
    MalformedHead,
    /// CONNECT, which a reverse proxy does not serve: 405.
    Connect,
    /// The head is longer than `--max-header-bytes`: 431.
    HeadTooLong,
    /// More than one Content-Length value: 400.
    SeveralLengths,
    /// Content-Length beside Transfer-Encoding: 400.
    LengthAndEncoding,
    /// A Transfer-Encoding other than `chunked` alone, which could not be passed on: 501.
    TransferEncoding,
    /// A body that is not framed as its head says: 400.
    MalformedBody,
    /// HTTP/1.1 without Host: 400.
    NoHost,
    /// A `Connection` header that names protected or malformed fields: 400.
    BadConnectionHeader,
    /// A head that came too slowly: closed.
    SlowHead,
    /// The request came back to where it had been: 508.
    Loop,
    /// A call through an egress listener to where it may not go: 403.
    Destination,
    /// A call through a forward proxy that does not say where it goes: 400.
    NoDestination,
    /// Clear-text HTTP/2 on the HTTP/1 listener: closed.
    Http2,
    /// TLS on the clear-text listener: closed.
    Tls,
}

label!(Refusal {
    MalformedHead => "malformed_head",
    Connect => "connect",
    HeadTooLong => "head_too_long",
    SeveralLengths => "several_lengths",
    LengthAndEncoding => "length_and_encoding",
    TransferEncoding => "transfer_encoding",
    MalformedBody => "malformed_body",
    NoHost => "no_host",
    BadConnectionHeader => "bad_connection_header",
    SlowHead => "slow_head",
    Loop => "loop",
    Destination => "destination",
    NoDestination => "no_destination",
    Http2 => "http2",
    Tls => "tls",
});

/// What was done with a service's own calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressOutcome {
    /// Calls in all, whatever became of them.
    Observed,
    /// Tunnels that were opened: CONNECT.
    Tunnelled,
}

label!(EgressOutcome { Observed => "call", Tunnelled => "tunnel" });

/// Requests, by what happened to their context and by their mark, and everything that went another way.
#[derive(Debug, Default)]
pub struct ProxyCounts {
    /// Requests forwarded or answered with 508, by action and mark.
    requests: [[Counter; Mark::ALL.len()]; Action::ALL.len()],
    /// Invalid `traceparent`s, by reason.
    pub traceparent_rejections: ByLabel<TraceparentError>,
    /// Invalid `tracestate`s, by reason.
    pub tracestate_rejections: ByLabel<TracestateError>,
    /// `tracestate`s left out of a context that was changed, by reason.
    pub tracestates_dropped: ByLabel<TracestateDrop>,
    /// Context headers that the client's `Connection` header asked to remove.
    pub nominated_context: Counter,
    /// Marked traces, by what admission said.
    pub admissions: ByLabel<Admitted>,
    /// Requests that should have been recorded but had no place for their spans, by reason.
    pub no_room: ByLabel<NoRoom>,
    /// Requests the proxy did not forward, by reason.
    pub refusals: ByLabel<Refusal>,
    /// Failed requests, by cause.
    pub failures: ByLabel<ErrorType>,
    /// Calls through egress listeners, and how many of them are tunnels.
    pub egress: ByLabel<EgressOutcome>,
    /// Second attempts.
    pub retries: Counter,
    /// Clients' connections accepted.
    pub connections: Counter,
    /// Clients' connections open now.
    pub open_connections: Gauge,
    /// Access-log lines given up because standard output was too slow.
    pub access_log_dropped: Counter,
}

impl ProxyCounts {
    /// Counts one request.
    pub fn request(&self, action: Action, mark: Mark) {
        if let Some(counter) = self.requests.get(action.index()).and_then(|marks| marks.get(mark.index())) {
            counter.add(1);
        }
    }
}

impl Samples for ProxyCounts {
    fn samples(&self, out: &mut Vec<Sample>) {
        for (action, marks) in Action::ALL.iter().zip(&self.requests) {
            out.extend(Mark::ALL.iter().zip(marks).map(|(mark, counter)| Sample {
                name: "throughline_requests",
                help: "Requests by what happened to their context and by their mark.",
                kind: SampleKind::Counter,
                labels: vec![("action", action.name().to_owned()), ("mark", mark.name().to_owned())],
                value: counter.get(),
            }));
        }
        self.traceparent_rejections.samples(
            "throughline_traceparent_rejections",
            "Requests whose traceparent is invalid, by reason.",
            "reason",
            out,
        );
        self.tracestate_rejections.samples(
            "throughline_tracestate_rejections",
            "Requests whose tracestate is invalid, by reason.",
            "reason",
            out,
        );
        self.tracestates_dropped.samples(
            "throughline_tracestates_dropped",
            "Tracestates left out of a context that was changed, by reason.",
            "reason",
            out,
        );
        let plain = [
            (
                "throughline_nominated_context",
                "Requests whose Connection header asked to remove the trace context.",
                &self.nominated_context,
            ),
            ("throughline_retries", "Second attempts at the upstream.", &self.retries),
            ("throughline_connections", "Client connections accepted.", &self.connections),
            (
                "throughline_access_log_dropped",
                "Access-log lines given up because standard output was too slow.",
                &self.access_log_dropped,
            ),
        ];
        out.extend(plain.map(|(name, help, counter)| Sample::counter(name, help, counter)));
        self.admissions.samples(
            "throughline_admissions",
            "Marked requests by what admission said of their trace.",
            "outcome",
            out,
        );
        self.no_room.samples(
            "throughline_requests_without_room",
            "Requests forwarded unrecorded because their spans had no place, by reason.",
            "reason",
            out,
        );
        self.egress.samples(
            "throughline_egress",
            "Calls that services sent through their egress listeners, and the tunnels among them.",
            "kind",
            out,
        );
        self.refusals.samples(
            "throughline_refusals",
            "Requests or connections that the proxy refused itself, by reason.",
            "reason",
            out,
        );
        self.failures.samples("throughline_failures", "Requests that failed, by cause.", "cause", out);
        out.push(Sample::gauge(
            "throughline_connections_open",
            "Client connections open now.",
            self.open_connections.get(),
        ));
    }
}
