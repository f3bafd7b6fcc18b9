//! The kernel probe: what services read and write, seen from outside. Observes only.

pub mod streams;
