//! What happens to the context of one request, row by row of the decision table, from a raw client to a raw upstream
//! and a decoding collector.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

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
use throughline_tests::{Expect, Scene};

/// A header line of a row; `TRACE` and `SPAN` in its value stand for fresh ids.
type Line<'a> = (&'static str, &'a [u8]);

/// A row: the reason, the context lines, what becomes of them.
type Row<'a> = (&'a str, &'a [Line<'a>], Expect);

/// Sends every row and counts the spans.
async fn judge_all(scene: Scene, rows: &[Row<'_>]) {
    let mut spans = 0;
    for (number, (why, row, expect)) in rows.iter().enumerate() {
        scene.judge(why, &format!("/row/{number}"), &lines(row), *expect).await;
        spans += if matches!(expect, Expect::Forward | Expect::NewUnrecorded) { 0 } else { 2 };
    }
    scene.finish(spans).await;
}
