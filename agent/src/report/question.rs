//! What a report was asked: which hops and findings are wanted, and what makes it fail.

use super::expect::Expectation;
use super::model::{ArrivalReport, HopReport};
use crate::gap::code::{Code, Severity};
use crate::gap::judgement::Confidence;
use crate::glob::Glob;

/// Everything that was asked. The default asks for all and fails for nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Question {
    /// Nothing older, in nanoseconds since the Unix epoch. Observations before it are left out where they are read.
    pub since: Option<u64>,
    /// Hops whose caller or callee one of these describes; all where there is none.
    pub services: Vec<Glob>,
    /// Findings that are less sure are counted and not shown.
    pub min_confidence: Option<Confidence>,
    /// Findings that are known and not to be shown.
    pub suppress: Vec<Suppression>,
    /// Findings that are as bad as this make the report fail; `None`: nothing does.
    pub fail_on: Option<Severity>,
    /// Hops that must be judged to forward.
    pub expect: Vec<Expectation>,
}

/// One kind of finding that is known: `G103`, or `G103=billing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// As it was typed.
    pub text: String,
    code: Code,
    /// Describes the caller, or the hop as `caller -> callee METHOD route`.
    at: Option<Glob>,
}

impl Question {
    /// Whether a hop is asked for.
    #[must_use]
    pub fn wants(&self, service: &str, peer: Option<&str>) -> bool {
        let named = |glob: &Glob| glob.matches(service) || peer.is_some_and(|peer| glob.matches(peer));
        self.services.is_empty() || self.services.iter().any(named)
    }

    /// The suppression that holds for a finding on a hop.
    pub(super) fn suppression(&self, code: Code, hop: &HopReport) -> Option<&Suppression> {
        self.suppress.iter().find(|known| known.holds(code, &hop.service, &hop.text()))
    }

    /// The suppression that holds for a finding on arriving requests.
    pub(super) fn suppression_of_arrival(&self, arrival: &ArrivalReport) -> Option<&Suppression> {
        self.suppress.iter().find(|known| known.holds(arrival.code.0, &arrival.service, &arrival.text()))
    }
}

impl Suppression {
    /// Reads `CODE` or `CODE=GLOB`.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (code, at) = match text.split_once('=') {
            Some((_, "")) => return Err("nothing stands after the =; leave it out to mean every hop".to_owned()),
            Some((code, glob)) => (code, Some(Glob::new(glob))),
            None => (text, None),
        };
        let code = code.trim().parse::<Code>().map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), code, at })
    }

    fn holds(&self, code: Code, service: &str, place: &str) -> bool {
        let here = |glob: &Glob| glob.matches(service) || glob.matches(place);
        self.code == code && self.at.as_ref().is_none_or(here)
    }
}

impl std::fmt::Display for Suppression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn suppressions_are_a_code_and_perhaps_a_place() {
        let rows = [
            ("G101", true, "every hop"),
            ("g101", true, "as people type it"),
            ("G101=shop", true, "the caller"),
            ("G101=sh*", true, "a pattern for the caller"),
            ("G101=shop -> cart GET /cart/{}", true, "the whole hop"),
            ("G101=* -> cart *", true, "a pattern for the hop"),
            ("G101=cart", false, "the callee alone is not the place of a finding"),
            ("G103=shop", false, "another code"),
        ];
        for (text, expected, reason) in rows {
            let suppression = Suppression::parse(text).unwrap();
            let holds = suppression.holds(Code::ContextLost, "shop", "shop -> cart GET /cart/{}");
            assert_eq!(holds, expected, "{text}: {reason}");
        }
        for (text, reason) in [("G999", "no such code"), ("", "nothing"), ("G101=", "an empty place")] {
            assert!(Suppression::parse(text).is_err(), "{reason}");
        }
    }

    #[test]
    fn services_are_either_end_of_a_hop() {
        let question = Question { services: vec![Glob::new("cart"), Glob::new("bill*")], ..Question::default() };
        let rows = [
            ("shop", Some("cart"), true, "as callee"),
            ("cart", Some("stock"), true, "as caller"),
            ("billing", None, true, "by a pattern"),
            ("shop", Some("stock"), false, "neither"),
        ];
        for (service, peer, expected, reason) in rows {
            assert_eq!(question.wants(service, peer), expected, "{reason}");
        }
        assert!(Question::default().wants("shop", None), "all where nothing was asked");
    }
}
