//! The report: what the engine concluded, as a value that people, scripts and builds can act on, and its views.
//!
//! Pure: computed from a [`crate::gap::judgement::Judgement`] and what was asked, with the time as an argument. The JSON
//! form is the source of truth, and every other format is a view of it. Knows neither terminal nor colour: a view is
//! told how wide it may be. Text from outside is made harmless in every view ([`text`]).

pub mod compose;
pub mod exit;
pub mod expect;
pub mod explain;
pub mod fix;
pub mod json;
pub mod ledger;
pub mod model;
pub mod names;
mod next;
pub mod path;
pub mod question;
pub mod source;
pub mod table;
pub mod text;
pub mod time;

#[cfg(test)]
mod example;

pub use model::Report;
pub use question::Question;
