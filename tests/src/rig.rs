//! The ground-truth rig: service graphs whose behaviour is known, simulated event by event, seen as proxies or a probe
//! would see them, judged by the engine, and scored against what really happened.
//!
//! The simulator knows nothing of how the engine judges. What a service did with a context is written to
//! [`truth::Truth`] where it happens, and only the scoring reads that.

pub mod build;
pub mod chance;
pub mod client;
pub mod deliver;
pub mod graph;
pub mod headers;
pub mod judge;
pub mod plan;
pub mod run;
pub mod score;
mod send;
mod serve;
pub mod sight;
pub mod sim;
pub mod suite;
pub mod table;
pub mod truth;
