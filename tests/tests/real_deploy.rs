//! What is shipped for others to run, judged by the programs that will read it.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "real_deploy/bundle.rs"]
mod bundle;
#[path = "real_deploy/contained.rs"]
mod contained;
#[path = "real_deploy/manifests.rs"]
mod manifests;
#[path = "real_deploy/rendered.rs"]
mod rendered;
#[path = "real_deploy/units.rs"]
mod units;

use std::path::PathBuf;

/// A file or folder below `deploy`.
fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}
