//! A test from outside: marked requests at random times, each paired with a window of the same length in which none is
//! sent, and then the question to all agents where they arrived.
//!
//! Sends and asks. What it means is said by `gap` and `report::path`.

mod plan;
mod send;
mod settle;

pub use plan::{Plan, Slot};
pub use send::{Progress, Run, Target, run};
pub use settle::{Answer, ask};
