//! What happens to the context of one request, row by row of the decision table, from a raw client to a raw upstream
//! and a decoding collector.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "context/buckets.rs"]
mod buckets;
#[path = "context/chains.rs"]
mod chains;
#[path = "context/marks.rs"]
mod marks;
#[path = "context/modes.rs"]
mod modes;
#[path = "context/room.rs"]
mod room;
#[path = "context/trust.rs"]
mod trust;

use throughline_tests::scene::lines;
use throughline_tests::table::{Line, Row, judge_all};
