//! W3C trace context, the propagation decision and the span record.
//!
//! Pure: no I/O, no clock, no randomness of its own, no logging. Rejections are returned as named
//! reasons; time and randomness are arguments.

pub mod admission;
pub mod bypass;
pub mod counts;
pub mod decision;
pub mod explain;
pub mod hops;
pub mod ids;
pub mod marker;
pub mod monitor;
pub mod record;
pub mod redact;
pub mod sink;
pub mod traceparent;
pub mod tracestate;
