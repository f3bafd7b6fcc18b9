//! Tables of requests that go through one scene: each row has its reason, and nothing but the rows makes spans.

use crate::scene::{Expect, Scene, lines};

/// A header line of a row; `TRACE` and `SPAN` in its value stand for fresh ids.
pub type Line<'a> = (&'static str, &'a [u8]);

/// A row: the reason, the context lines, what becomes of them.
pub type Row<'a> = (&'a str, &'a [Line<'a>], Expect);

/// Sends every row, counts the spans and stops the scene.
///
/// # Panics
/// When something else becomes of a row, or there are more spans than rows call for.
pub async fn judge_all(scene: Scene, rows: &[Row<'_>]) {
    let mut spans = 0;
    for (number, (why, row, expect)) in rows.iter().enumerate() {
        scene.judge(why, &format!("/row/{number}"), &lines(row), *expect).await;
        spans += if matches!(expect, Expect::Forward | Expect::NewUnrecorded) { 0 } else { 2 };
    }
    scene.finish(spans).await;
}
