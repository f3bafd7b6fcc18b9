//! Recordings of observations: one JSON object a line, after a header that names schema and version.
//!
//! Reads and writes bytes; opens no file. The format, version 1:
//!
//! - The first line is `{"schema":"throughline.observations","version":1}`. It stands again wherever files were joined.
//! - Every other line is one observation. `dir`, `service`, `method`, `route` and `start` are required; whatever else
//!   is unknown is left out. Unknown keys are ignored, so that version 1 may get more.
//! - Times are integers: nanoseconds since the Unix epoch.
//! - `traceparent` and `tracestate` are lists of header lines as received. A line with neither `mark`, `problem` nor
//!   `has_tracestate` gets these from the header lines, by the default marker and with every source trusted, so that
//!   recordings made by hand or by other programs need the header lines alone.
//! - `local` is the service's own end of the connection, `peer.address` the other one.
//! - `seq`, `name` and `clock` default to the observation's place in the recording, the recording's own name, and that
//!   name again; `source` to `file`.
//!
//! Texts are bounded when read: services, hosts and names 255 bytes, routes 512, methods 32, epochs 255, header lines
//! 8 KiB and eight of each. Longer ones are cut at a character and counted. Control characters stay: views escape them.

mod reader;
mod wire;

pub use reader::{Counts, Fault, Problem, Reader};

use super::observation::Observation;

/// What a recording's first line says it is.
pub const SCHEMA: &str = "throughline.observations";
/// The version that is written, and the only one that is read.
pub const VERSION: u64 = 1;

/// Appends the header line.
pub fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{{\"schema\":\"{SCHEMA}\",\"version\":{VERSION}}}\n").as_bytes());
}

/// Appends one observation as a line.
pub fn write(observation: &Observation, out: &mut Vec<u8>) {
    let before = out.len();
    // Neither a vector nor these types can refuse. Should they, half a line is worse than none.
    match serde_json::to_writer(&mut *out, &wire::Line::of(observation)) {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(before),
    }
}

#[cfg(test)]
mod tests;
