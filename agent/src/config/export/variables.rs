//! Reads single variables: one text, number or switch each, with an error that names variable, value and remedy.

use std::time::Duration;

use super::super::ConfigError;

/// The environment, as a function.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
}

impl Setting {
    /// The first of `names` that is set. An empty value counts as unset.
    pub(super) fn find(env: Lookup<'_>, names: &[&str]) -> Option<Self> {
        names.iter().find_map(|&name| {
            let value = env(name)?.trim().to_owned();
            (!value.is_empty()).then(|| Self { name: name.to_owned(), value })
        })
    }

    /// An error that shows the value.
    pub(super) fn error(&self, problem: &str, remedy: impl Into<String>) -> ConfigError {
        ConfigError {
            setting: self.name.clone(),
            problem: format!("{:?} {problem}", self.value),
            remedy: remedy.into(),
        }
    }

    /// A whole number from 1.
    pub(super) fn number(&self) -> Result<u64, ConfigError> {
        match self.value.parse() {
            Ok(number) if number > 0 && self.value.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
            _ => Err(self.error("is not a whole number above 0", "write digits only, for example 1000")),
        }
    }

    /// Milliseconds, from 1.
    pub(super) fn milliseconds(&self) -> Result<Duration, ConfigError> {
        self.number().map(Duration::from_millis).map_err(|error| ConfigError {
            remedy: "write a number of milliseconds, for example 10000".to_owned(),
            ..error
        })
    }

    /// `true` or `false`, in any case.
    pub(super) fn switch(&self) -> Result<bool, ConfigError> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.error("is neither true nor false", "write true or false")),
        }
    }
}
