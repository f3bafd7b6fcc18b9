//! throughline: carries W3C trace context through services that nobody instrumented, and records what it saw.
//!
//! Data flows one way: sources (`proxy`) make records (`trace`), sinks (`export`) take them. Only `app` knows all.

pub mod admin;
pub mod app;
pub mod challenge;
pub mod check;
pub mod cli;
pub mod config;
pub mod demo;
pub mod export;
pub mod gap;
pub mod gather;
pub mod glob;
pub mod http;
#[cfg(all(feature = "ebpf", target_os = "linux"))]
pub mod privilege;
#[cfg(all(feature = "ebpf", target_os = "linux"))]
pub mod probe;
pub mod proxy;
pub mod report;
pub mod store;
pub mod trace;
pub mod workload;
