//! Observations for a report: from running agents over HTTP, from recordings on disk, from standard input. Read in
//! pieces and merged by time, so that a recording of any size needs no more memory than a small one.
//!
//! Judges nothing. Whatever goes wrong with one source is written into that source's entry, and the others are read to
//! their end.

pub mod client;
mod ledger;
mod merge;
mod place;
mod stream;
mod tally;

pub use merge::{Gathering, Options};
pub use place::{Place, PlaceError};
