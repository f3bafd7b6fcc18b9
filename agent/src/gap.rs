//! Which service dropped the context: observations of requests in, verdicts on hops out.
//!
//! Pure: no I/O, no clock, no logging. Time and randomness are arguments, and a reason is a value. It knows `trace` and
//! nothing else of the agent; proxies, the probe and recordings all feed it the same [`observation::Observation`].

pub mod challenge;
pub mod code;
pub mod engine;
pub mod judgement;
pub mod ndjson;
pub mod note;
pub mod observation;
pub mod route;
pub mod sink;
