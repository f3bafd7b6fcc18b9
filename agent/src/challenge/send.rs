//! Sending: one marked request at a time, and what became of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use url::Url;

use super::plan::{Plan, Slot};
use crate::gap::challenge::{Challenge, Pair};
use crate::gather::client::{client, explain};
use crate::report::path::Sent;
use crate::report::time::Timestamp;
use crate::trace::ids::{Flags, RandomSource, SpanId, TraceId};
use crate::trace::traceparent::Traceparent;

/// Of a longer answer the beginning is read.
const LONGEST_ANSWER: usize = 8 << 20;
/// Requests that are sent first, and how far apart: the engine chooses the length of its windows beforehand, by how long
/// earlier requests took, and has to have seen the end of a few.
const MEASURED: u32 = 6;
const APART: Duration = Duration::from_millis(250);
/// Headers that the test sets itself.
const OURS: [&str; 2] = ["traceparent", "tracestate"];

/// What is tested.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    method: Method,
    headers: HeaderMap,
    timeout: Duration,
    client: Client,
}

/// What was sent, and what became of it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The pairs whose marked request was sent.
    pub challenge: Challenge,
    /// For the report.
    pub sent: Sent,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Pairs done.
    pub done: u32,
    /// Pairs in all.
    pub of: u32,
    /// How long the rest takes, about.
    pub remaining: Duration,
}

impl Target {
    /// What to send, checked.
    ///
    /// # Errors
    /// A sentence that names what cannot be sent.
    pub fn new(url: &Url, method: &str, headers: &[(String, String)], timeout: Duration) -> Result<Self, String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method:?} is no method"))?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let checked = HeaderName::try_from(name).map_err(|_| format!("{name:?} is no header name"))?;
            if OURS.contains(&checked.as_str()) {
                return Err(format!("{checked} is set by the test itself: each request has a trace of its own"));
            }
            let value = HeaderValue::try_from(value)
                .map_err(|_| format!("the value of {checked} has bytes that no header may have"))?;
            map.append(checked, value);
        }
        let client = client(url, timeout, Some(timeout))?;
        Ok(Self { url: url.clone(), method, headers: map, timeout, client })
    }

    /// The URL without credentials and query, which may bear what is not to be shown.
    fn shown(&self) -> String {
        let mut url = self.url.clone();
        // Neither can fail for a URL with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        if url.query().is_some() {
            url.set_query(Some("..."));
        }
        url.to_string()
    }
}

/// Sends a few requests to learn how long the page takes, and then `pairs` pairs of windows.
///
/// `progress` is told before the first and after each pair. Takes about three windows a pair, and ten to thirty seconds
/// before the first.
pub async fn run(
    target: &Target,
    pairs: u32,
    random: &mut (dyn RandomSource + Send),
    mut progress: impl FnMut(Progress),
) -> Run {
    let from = now();
    let mut tally = Tally::default();
    let mut took = Duration::ZERO;
    for _ in 0..MEASURED {
        // None belongs to a pair. The first may find a cold cache; the last one counts.
        let begun = Instant::now();
        let answer = target.send(TraceId::random(random), SpanId::random(random)).await;
        took = begun.elapsed();
        if let Err(reason) = answer
            && reason.never_sent
        {
            tally.failed(reason.text);
            tally.is_nobody_there = true;
            break;
        }
        tokio::time::sleep(APART).await;
    }
    let plan = Plan::new(pairs, took);
    let mut challenge = Challenge::default();
    if !tally.hopeless() {
        progress(Progress { done: 0, of: pairs, remaining: plan.lead + plan.remaining(0) });
        tokio::time::sleep(plan.lead).await;
    }
    for done in 0..pairs {
        if tally.hopeless() {
            break;
        }
        let mut pair = (None, None);
        for (pause, slot) in plan.pair(random) {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            match slot {
                Slot::Control => pair.1 = Some(now()),
                Slot::Marked => {
                    let trace_id = TraceId::random(random);
                    let sent = now();
                    match target.send(trace_id, SpanId::random(random)).await {
                        Ok(status) => tally.answered(status),
                        Err(reason) if reason.never_sent => {
                            tally.failed(reason.text);
                            continue;
                        }
                        Err(reason) => tally.failed(reason.text),
                    }
                    pair.0 = Some((trace_id, sent));
                }
            }
            tokio::time::sleep(plan.window.saturating_sub(begun.elapsed())).await;
        }
        if let (Some((trace_id, sent)), Some(control)) = pair {
            challenge.pairs.push(Pair { trace_id, sent, control });
        }
        progress(Progress { done: done + 1, of: pairs, remaining: plan.remaining(done + 1) });
    }
    let sent = Sent {
        url: target.shown(),
        method: target.method.to_string(),
        requests: challenge.pairs.len() as u64,
        statuses: tally.statuses,
        failed: tally.failed,
        failure: tally.failure,
        window_ms: u64::try_from(plan.window.as_millis()).unwrap_or(u64::MAX),
        from: Timestamp(from),
        to: Timestamp(now()),
    };
    Run { challenge, sent }
}

/// Why a request has no answer.
struct Failed {
    text: String,
    /// Whether nothing can have arrived.
    never_sent: bool,
}

#[derive(Default)]
struct Tally {
    statuses: BTreeMap<u16, u64>,
    failed: u64,
    failure: Option<String>,
    is_nobody_there: bool,
}

impl Tally {
    fn answered(&mut self, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
    }

    fn failed(&mut self, reason: String) {
        self.failed += 1;
        self.failure.get_or_insert(reason);
    }

    /// Nobody is there, or nothing but failures come. A page that answers now and then is tested to the end.
    fn hopeless(&self) -> bool {
        self.is_nobody_there || (self.failed >= 3 && self.statuses.is_empty())
    }
}

impl Target {
    /// One request: the status, once the answer is whole.
    async fn send(&self, trace_id: TraceId, parent_id: SpanId) -> Result<u16, Failed> {
        let traceparent = Traceparent { trace_id, parent_id, flags: Flags::SAMPLED, version: 0 }.encode();
        let request = self
            .client
            .request(self.method.clone(), self.url.clone())
            .headers(self.headers.clone())
            .header("traceparent", traceparent.as_slice())
            .header("tracestate", "checkly=true");
        let failed = |error: reqwest::Error| {
            let text =
                if error.is_timeout() { format!("no answer within {:?}", self.timeout) } else { explain(&error) };
            Failed { text, never_sent: error.is_connect() || error.is_builder() }
        };
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let mut read = 0;
        while let Ok(Some(chunk)) = answer.chunk().await {
            read += chunk.len();
            if read > LONGEST_ANSWER {
                break;
            }
        }
        Ok(status)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
