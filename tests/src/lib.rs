//! The harness of the suites: an agent in process or as a binary, scripted upstreams, raw clients and a collector
//! that decodes. It knows only public items of the agent, and nothing here retries a check until it happens to pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness fails by panicking, with the place and the cause"
)]

pub mod agent;
pub mod answer;
pub mod bare;
pub mod binary;
pub mod client;
pub mod collector;
pub mod context;
pub mod live;
pub mod load;
pub mod message;
pub mod random;
pub mod real;
pub mod recording;
pub mod rig;
pub mod scene;
pub mod span;
pub mod table;
pub mod tls;
pub mod upstream;
pub mod wait;

pub use agent::Agent;
pub use answer::Answer;
pub use client::{Client, ask};
pub use collector::{Collector, Reply};
pub use scene::{Expect, Scene};
pub use tls::{Authority, TlsFront};
pub use upstream::Upstream;
pub use wait::{DEADLINE, eventually};
