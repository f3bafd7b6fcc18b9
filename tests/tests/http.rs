//! HTTP/1.1 through the proxy as raw bytes on both sides: what passes, what is refused, and what a broken upstream does.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "http/addresses.rs"]
mod addresses;
#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/descriptors.rs"]
mod descriptors;
#[path = "http/failures.rs"]
mod failures;
#[path = "http/forwarded.rs"]
mod forwarded;
#[path = "http/refusals.rs"]
mod refusals;
#[path = "http/timeouts.rs"]
mod timeouts;
#[path = "http/upgrades.rs"]
mod upgrades;

use throughline_tests::client::get;
use throughline_tests::{Scene, ask};

/// Checks that the proxy still serves: whatever happened before concerns no other request.
async fn assert_serves(scene: &Scene, why: &str) {
    let answer = ask(scene.agent.addr(), &get("/next", &[])).await;
    assert_eq!(answer.status(), 200, "the request after {why}");
}
