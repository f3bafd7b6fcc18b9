//! What the live suites need: small services of the project's own, a load that knows what is true, agents that watch
//! with a given privilege, and the judgement of what they report. Knows nothing of how the probe works.

pub mod agent;
pub mod batch;
pub mod bpf;
pub mod cell;
pub mod drive;
pub mod judge;
pub mod service;
pub mod traffic;
