//! Whether this machine and a configuration are fit: the doctor behind `throughline check`.
//!
//! In three steps. [`facts`](Facts) are looked up, each with a time limit and never as an error; [`rules`](list) judge
//! them, pure, one small file for each; [`result`](Checkup) is the value that the table and the JSON are views of.
//! Changes nothing on the machine: what is loaded or bound as a trial is let go at once.

mod answer;
mod facts;
mod list;
mod result;
mod rules;
mod table;

pub use answer::{Answer, State};
pub use facts::{Asked, Facts, gather};
pub use result::{Checkup, schema};
pub use table::{Look, render};

use crate::config::Config;
use crate::config::file::Problems;

/// What is known of the configuration.
#[derive(Debug, Clone, Default)]
pub enum Plan {
    /// No file was named: the machine alone is looked at.
    #[default]
    None,
    /// The file cannot be used.
    Broken {
        /// What the user calls it.
        file: String,
        /// Its mistakes, one line each.
        mistakes: Vec<String>,
    },
    /// What the file comes to, and what is odd about it.
    Usable {
        /// What the user calls it.
        file: String,
        /// The settings.
        config: Box<Config>,
        /// One line each.
        warnings: Vec<String>,
    },
}

impl Plan {
    /// A file that has mistakes.
    #[must_use]
    pub fn broken(problems: &Problems) -> Self {
        Self::Broken { file: problems.file.clone(), mistakes: problems.lines().collect() }
    }

    /// The settings, if there are any.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        match self {
            Self::Usable { config, .. } => Some(config),
            Self::None | Self::Broken { .. } => None,
        }
    }
}
