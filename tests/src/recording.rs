//! Recordings of observations as text: what a proxy before each of a few services would have written, for services that
//! are known to forward, drop or change the context. Written without the agent's own code.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::context::{MARK, Traceparent};

/// The first line of a recording.
pub const HEADER: &str = "{\"schema\":\"throughline.observations\",\"version\":1}\n";
/// In nanoseconds.
pub const SECOND: u64 = 1_000_000_000;
/// In nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;

/// What a service does with the context of a request when it calls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends both headers on, with a parent id of its own.
    Forwards,
    /// Sends neither.
    Drops,
    /// Sends `traceparent` alone.
    LosesMark,
}

/// A recording in the making.
#[derive(Debug, Clone)]
pub struct Recording {
    name: String,
    next: u64,
    text: String,
}

impl Recording {
    /// An empty one, by a source of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), next: 0, text: HEADER.to_owned() }
    }

    /// A request that arrived, with these header lines and whatever else `more` says.
    ///
    /// # Panics
    /// When a line cannot be written.
    pub fn arrival(&mut self, service: &str, start: u64, context: Option<(&str, Option<&str>)>, more: &Value) {
        let mut line = json!({
            "seq": self.next, "source": "proxy", "name": self.name, "clock": "host-1",
            "dir": "in", "service": service, "method": "GET", "route": format!("/{service}/{{}}"),
            "start": start, "end": start + 10 * MILLISECOND, "status": 200,
        });
        let keys = line.as_object_mut().expect("an object");
        if let Some((traceparent, tracestate)) = context {
            keys.insert("traceparent".to_owned(), json!([traceparent]));
            if let Some(tracestate) = tracestate {
                keys.insert("tracestate".to_owned(), json!([tracestate]));
            }
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            keys.insert(key.clone(), value.clone());
        }
        self.next += 1;
        writeln!(self.text, "{line}").expect("a string takes text");
    }

    /// A marked request at `service`, and the call it makes to `peer` five milliseconds later.
    pub fn hop(&mut self, service: &str, peer: &str, start: u64, behaviour: Behaviour, epoch: &str) {
        self.marked(service, peer, start, &Traceparent::fresh(1).to_string(), behaviour, epoch);
    }

    /// The same in a trace that somebody else began.
    pub fn marked(&mut self, service: &str, peer: &str, start: u64, arrived: &str, behaviour: Behaviour, epoch: &str) {
        let own = Traceparent { parent_id: Traceparent::fresh(1).parent_id, ..Traceparent::parse(arrived) }.to_string();
        let until = json!({"end": start + 50 * MILLISECOND, "epoch": epoch});
        self.arrival(service, start, Some((arrived, Some(MARK))), &until);
        let context = match behaviour {
            Behaviour::Forwards => Some((own.as_str(), Some(MARK))),
            Behaviour::Drops => None,
            Behaviour::LosesMark => Some((own.as_str(), None)),
        };
        let caller = json!({"peer": {"service": service, "resolved": "socket", "epoch": epoch}});
        self.arrival(peer, start + 5 * MILLISECOND, context, &caller);
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// This machine's clock, in nanoseconds since the Unix epoch.
///
/// # Panics
/// When it is set before that.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_nanos()).expect("a clock before 2554")
}
