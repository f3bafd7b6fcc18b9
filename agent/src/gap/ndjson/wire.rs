//! A line as it is written: the keys of the format, and the way from and to an [`Observation`].

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reader::{Problem, Texts};
use crate::gap::observation::{
    Completeness, Context, Direction, MarkSeen, Observation, Origin, Peer, Process, Resolved, SourceKind, Threads,
};
use crate::trace::counts::Label;
use crate::trace::marker::{Mark, Marker, Trust};
use crate::trace::traceparent::{Incoming, TraceparentError};
use crate::trace::tracestate::inspect;

/// Header lines of one field that are kept.
const MAX_LINES: usize = 8;
/// Bytes of one header line that are kept.
const MAX_LINE: usize = 8 * 1024;
const MAX_NAME: usize = 255;
const MAX_METHOD: usize = 32;
const MAX_ROUTE: usize = crate::gap::route::MAX_BYTES;

/// One observation. Texts are borrowed where no escape stands in the way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    clock: Option<Text<'a>>,
    dir: Dir,
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessKeys>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    epoch: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "PeerKeys::is_empty")]
    peer: PeerKeys<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<SocketAddr>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    route: Text<'a>,
    start: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    traceparent: Vec<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    delivered: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    tracestate: Vec<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    problem: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    mark: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_tracestate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate_kept: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<ThreadKeys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completeness: Option<Seen>,
    #[serde(default, skip_serializing_if = "is_false")]
    synthetic: bool,
}

/// A text. A `Cow` by itself is borrowed only where it is neither optional nor in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct PeerKeys<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    service: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessKeys>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    epoch: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    host: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<ResolvedBy>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ProcessKeys {
    pid: u32,
    started: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ThreadKeys {
    head: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_elsewhere: Option<bool>,
}

/// One enum of words for each enum of the observation; the default is the one that is left out.
macro_rules! words {
    ($name:ident => $type:ident { $($variant:ident),+ }) => {
        #[derive(Debug, Clone, Copy, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum $name { $($variant),+ }

        impl From<$type> for $name {
            fn from(value: $type) -> Self {
                match value { $($type::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $type {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

words!(Source => SourceKind { Proxy, Probe, File });
words!(Dir => Direction { In, Out });
words!(ResolvedBy => Resolved { Unknown, Socket, Address, Proxy, Egress, Intermediary });
words!(Seen => Completeness {
    Whole, Truncated, Lost, Encrypted, JoinedLate, OtherProtocol, Uring, Gated, Compat, LongLived
});

impl<'a> Line<'a> {
    pub(super) fn of(observation: &'a Observation) -> Self {
        let Observation { origin, context, peer, .. } = observation;
        let is_bare = *context == Context { tracestate_kept: context.tracestate_kept, ..Context::default() };
        Self {
            seq: Some(origin.sequence),
            source: Some(origin.kind.into()),
            name: Some(Text::of(&origin.name)),
            clock: Some(Text::of(&origin.clock)),
            dir: observation.direction.into(),
            service: Text::of(&observation.service),
            process: observation.process.map(ProcessKeys::of),
            epoch: observation.epoch.as_deref().map(Text::of),
            peer: PeerKeys::of(peer),
            local: observation.local,
            method: Text::of(&observation.method),
            route: Text::of(&observation.route),
            start: observation.start,
            end: observation.end,
            traceparent: context.traceparent.iter().map(|line| Text::of(line)).collect(),
            delivered: context.delivered.as_deref().map(Text::of),
            tracestate: context.tracestate.iter().map(|line| Text::of(line)).collect(),
            problem: context.problem.map(|problem| Text::of(problem.name())),
            // Said wherever there are lines, so that no reader takes them for lines it has to judge itself.
            mark: (!is_bare).then(|| Text::of(context.mark.0.name())),
            has_tracestate: context.has_tracestate.then_some(true),
            tracestate_kept: (context.has_tracestate && context.tracestate_kept).then_some(true),
            status: observation.status,
            connection: observation.connection,
            threads: observation.threads.map(ThreadKeys::of),
            completeness: Some(observation.completeness).filter(|seen| *seen != Completeness::Whole).map(Into::into),
            synthetic: observation.synthetic,
        }
    }

    /// The observation that this line is. `place` counts the recording's observations.
    pub(super) fn into_observation(self, texts: &mut Texts, place: u64) -> Result<Observation, Problem> {
        let context = self.context(texts)?;
        if self.status.is_some_and(|status| !(100..=599).contains(&status)) {
            return Err(Problem::Value { key: "status", value: self.status.unwrap_or_default().to_string() });
        }
        let default = texts.recording();
        Ok(Observation {
            origin: Origin {
                kind: self.source.map_or(SourceKind::File, Into::into),
                name: self.name.map_or_else(|| Arc::clone(&default), |name| texts.shared(&name.0, MAX_NAME)),
                sequence: self.seq.unwrap_or(place),
                clock: self.clock.map_or(default, |clock| texts.shared(&clock.0, MAX_NAME)),
            },
            direction: self.dir.into(),
            service: texts.shared(&self.service.0, MAX_NAME),
            process: self.process.map(ProcessKeys::into_process),
            epoch: self.epoch.map(|epoch| texts.shared(&epoch.0, MAX_NAME)),
            peer: self.peer.into_peer(texts),
            local: self.local,
            method: texts.shared(&self.method.0, MAX_METHOD),
            route: texts.shared(&self.route.0, MAX_ROUTE),
            start: self.start,
            end: self.end,
            context,
            status: self.status,
            connection: self.connection,
            threads: self.threads.map(ThreadKeys::into_threads),
            completeness: self.completeness.map_or(Completeness::Whole, Into::into),
            synthetic: self.synthetic,
        })
    }

    fn context(&self, texts: &mut Texts) -> Result<Context, Problem> {
        let mut lines = |lines: &[Text<'_>]| {
            texts.cut += u64::from(lines.len() > MAX_LINES);
            lines.iter().take(MAX_LINES).map(|line| Arc::from(texts.bounded(&line.0, MAX_LINE))).collect::<Vec<_>>()
        };
        let (traceparent, tracestate) = (lines(&self.traceparent), lines(&self.tracestate));
        let delivered = self.delivered.as_ref().map(|line| Arc::from(texts.bounded(&line.0, MAX_LINE)));
        let is_judged = self.mark.is_some() || self.problem.is_some() || self.has_tracestate.is_some();
        let has_lines = !traceparent.is_empty() || !tracestate.is_empty();
        if has_lines && !is_judged {
            return Ok(Context { delivered, ..judge(traceparent, tracestate) });
        }
        let has_tracestate = self.has_tracestate.unwrap_or(!tracestate.is_empty());
        Ok(Context {
            problem: self.problem.as_ref().map(|name| label::<TraceparentError>("problem", &name.0)).transpose()?,
            mark: MarkSeen(self.mark.as_ref().map_or(Ok(Mark::None), |name| label("mark", &name.0))?),
            has_tracestate,
            // Where none came, nothing is missing.
            tracestate_kept: !has_tracestate || self.tracestate_kept.unwrap_or(false),
            traceparent,
            delivered,
            tracestate,
        })
    }
}

/// What the header lines say by themselves.
fn judge(traceparent: Vec<Arc<str>>, tracestate: Vec<Arc<str>>) -> Context {
    let incoming = Incoming::extract(traceparent.iter().map(|line| line.as_bytes()));
    let state = inspect(tracestate.iter().map(|line| line.as_bytes()), &Marker::default());
    Context {
        problem: if let Incoming::Invalid(problem) = incoming { Some(problem) } else { None },
        mark: MarkSeen(Mark::weigh(state.marked, &incoming, || Trust::Unrestricted)),
        has_tracestate: state.present,
        tracestate_kept: true,
        traceparent,
        delivered: None,
        tracestate,
    }
}

fn label<L: Label>(key: &'static str, name: &str) -> Result<L, Problem> {
    let found = L::ALL.iter().copied().find(|label| label.name() == name);
    found.ok_or_else(|| Problem::Value { key, value: name.chars().take(64).collect() })
}

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> PeerKeys<'a> {
    fn of(peer: &'a Peer) -> Self {
        Self {
            address: peer.address,
            service: peer.service.as_deref().map(Text::of),
            process: peer.process.map(ProcessKeys::of),
            epoch: peer.epoch.as_deref().map(Text::of),
            host: peer.host.as_deref().map(Text::of),
            resolved: Some(peer.resolved).filter(|resolved| *resolved != Resolved::Unknown).map(Into::into),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { address, service, process, epoch, host, resolved } = self;
        address.is_none()
            && service.is_none()
            && process.is_none()
            && epoch.is_none()
            && host.is_none()
            && resolved.is_none()
    }

    fn into_peer(self, texts: &mut Texts) -> Peer {
        Peer {
            address: self.address,
            service: self.service.map(|service| texts.shared(&service.0, MAX_NAME)),
            process: self.process.map(ProcessKeys::into_process),
            epoch: self.epoch.map(|epoch| texts.shared(&epoch.0, MAX_NAME)),
            host: self.host.map(|host| texts.shared(&host.0, MAX_NAME)),
            resolved: self.resolved.map_or(Resolved::Unknown, Into::into),
        }
    }
}

impl ProcessKeys {
    fn of(process: Process) -> Self {
        Self { pid: process.pid, started: process.started }
    }

    fn into_process(self) -> Process {
        Process { pid: self.pid, started: self.started }
    }
}

impl ThreadKeys {
    fn of(threads: Threads) -> Self {
        Self { head: threads.head, answer: threads.answer, waited_elsewhere: threads.waited_elsewhere }
    }

    fn into_threads(self) -> Threads {
        Threads { head: self.head, answer: self.answer, waited_elsewhere: self.waited_elsewhere }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(value: &bool) -> bool {
    !value
}
