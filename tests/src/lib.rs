//! The harness of the suites, and the yardstick of the benchmark.

pub mod bare;
