//! Hops that must be judged to forward: a list in a file, and what became of each. A hop that nobody judged is no
//! success, so that a build without traffic never turns green.

use schemars::JsonSchema;
use serde::Serialize;

use super::model::{HopReport, Verdict};
use crate::gap::code::Severity;
use crate::gap::judgement::Confidence;
use crate::glob::Glob;

/// One hop that is expected: `shop -> cart`, or `shop -> cart GET /cart/{}`. Each part is a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    service: Glob,
    peer: Glob,
    method: Option<Glob>,
    route: Option<Glob>,
}

/// What became of an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Expected {
    /// The hop, as it was written.
    pub hop: String,
    /// What became of it.
    pub outcome: ExpectedOutcome,
    /// A sentence.
    pub detail: String,
}

/// What became of an expected hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOutcome {
    /// Judged to break, and at least likely.
    Broken,
    /// Not judged: never seen, or seen and unknown, or no more than possibly broken.
    Unjudged,
    /// Judged to forward, and broken nowhere.
    Met,
}

impl Expectation {
    /// Reads one hop.
    ///
    /// # Errors
    /// A sentence that says how a hop is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write service -> peer, or service -> peer METHOD route";
        let (service, rest) = text.split_once("->").ok_or_else(|| format!("{text:?} has no arrow; {FORM}"))?;
        let service = service.trim();
        let mut words = rest.split_whitespace();
        let peer = words.next().unwrap_or_default();
        let (method, route) = (words.next(), words.next());
        if service.is_empty() || peer.is_empty() {
            return Err(format!("{text:?} has only one end; {FORM}"));
        }
        if method.is_some() != route.is_some() || words.next().is_some() {
            return Err(format!("{text:?} has other words after the peer than a method and a route; {FORM}"));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            service: Glob::new(service),
            peer: Glob::new(peer),
            method: method.map(Glob::new),
            route: route.map(Glob::new),
        })
    }

    /// Reads a list of hops, in YAML or in JSON, which is YAML too.
    ///
    /// # Errors
    /// A sentence: what is wrong, and in which entry.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        const FORM: &str = "expected a list of hops, one a line: - shop -> cart";
        let hops: Vec<String> = serde_saphyr::from_str(text).map_err(|error| {
            let reason = error.to_string();
            format!("{}; {FORM}", reason.lines().next().unwrap_or_default())
        })?;
        if hops.is_empty() {
            return Err(format!("the list is empty, and would be met without any traffic; {FORM}"));
        }
        let entries = (1..).zip(&hops);
        entries.map(|(entry, hop)| Self::parse(hop).map_err(|problem| format!("entry {entry}: {problem}"))).collect()
    }

    /// What became of it, given the hops as they are judged now.
    #[must_use]
    pub fn judge(&self, hops: &[HopReport]) -> Expected {
        let mut meant: Vec<&HopReport> = hops.iter().filter(|hop| self.means(hop)).collect();
        meant.sort_by_key(|hop| state(hop));
        let worst = meant.first();
        let forwarding = meant.iter().filter(|hop| state(hop) == ExpectedOutcome::Met).count();
        let (outcome, detail) = match worst {
            None => (ExpectedOutcome::Unjudged, "no such call was seen".to_owned()),
            Some(hop) if state(hop) == ExpectedOutcome::Broken => {
                let codes: Vec<&str> = breaking(hop).map(|finding| finding.code.0.as_str()).collect();
                (ExpectedOutcome::Broken, format!("{} breaks: {}", hop.call(), codes.join(", ")))
            }
            Some(hop) if forwarding == 0 => {
                (ExpectedOutcome::Unjudged, format!("{} {}", hop.call(), why_unjudged(hop)))
            }
            Some(_) if forwarding == meant.len() => (ExpectedOutcome::Met, "forwards".to_owned()),
            Some(_) => (ExpectedOutcome::Met, format!("forwards; judged on {forwarding} of {} calls", meant.len())),
        };
        Expected { hop: self.text.clone(), outcome, detail }
    }

    fn means(&self, hop: &HopReport) -> bool {
        let is = |glob: &Option<Glob>, text: &str| glob.as_ref().is_none_or(|glob| glob.matches(text));
        self.service.matches(&hop.service)
            && self.peer.matches(&hop.peer)
            && is(&self.method, &hop.method)
            && is(&self.route, &hop.route)
    }
}

fn state(hop: &HopReport) -> ExpectedOutcome {
    match hop.verdict {
        Verdict::Breaks if breaking(hop).next().is_some() => ExpectedOutcome::Broken,
        Verdict::Breaks | Verdict::Unknown => ExpectedOutcome::Unjudged,
        Verdict::Forwards => ExpectedOutcome::Met,
    }
}

/// The findings that break a hop for sure enough to fail a build.
fn breaking(hop: &HopReport) -> impl Iterator<Item = &super::model::FindingReport> {
    hop.findings
        .iter()
        .filter(|finding| finding.severity.0 == Severity::Error && finding.confidence.0 > Confidence::Possible)
}

fn why_unjudged(hop: &HopReport) -> String {
    match hop.reason {
        Some(reason) => format!("is not judged: {}", super::names::reason(reason.0)),
        None => "is possibly broken, which is not sure enough".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;
    use crate::gap::code::Code;
    use crate::gap::judgement::UnknownReason;
    use crate::report::example;

    #[test]
    fn lists_are_yaml_or_json() {
        let rows = [
            ("- shop -> cart\n- cart -> stock GET /stock/{}\n", Some(2), "YAML"),
            ("# ours\n- \"shop -> cart\"\n", Some(1), "quoted, with a comment"),
            ("[\"shop -> cart\"]", Some(1), "JSON"),
            ("- shop->cart\n", Some(1), "without spaces"),
            ("[]", None, "an empty list is met by nothing"),
            ("", None, "an empty file"),
            ("- shop\n", None, "no arrow"),
            ("- -> cart\n", None, "one end"),
            ("- shop -> cart GET\n", None, "a method without a route"),
            ("- shop -> cart GET /a b\n", None, "too many words"),
            ("hops: [a -> b]\n", None, "no list"),
            ("- [a, b]\n", None, "a list of lists"),
            ("\u{0}\u{1}", None, "not a text"),
        ];
        for (text, expected, reason) in rows {
            let read = Expectation::parse_list(text);
            assert_eq!(read.as_ref().ok().map(Vec::len), expected, "{reason}: {read:?}");
        }
        let error = Expectation::parse_list("- a -> b\n- nonsense\n").unwrap_err();
        assert!(error.contains("entry 2") && error.contains("nonsense"), "the entry is named: {error}");
    }

    #[test]
    fn a_hop_that_nobody_judged_is_no_success() {
        type Row = (&'static str, Option<(Code, Confidence)>, Option<UnknownReason>, ExpectedOutcome, &'static str);
        let rows: &[Row] = &[
            ("shop -> cart", None, None, ExpectedOutcome::Met, "it forwards"),
            ("shop -> cart GET /cart/{}", None, None, ExpectedOutcome::Met, "this call"),
            ("shop -> cart POST /cart/{}", None, None, ExpectedOutcome::Unjudged, "another call, never seen"),
            ("shop -> stock", None, None, ExpectedOutcome::Unjudged, "another peer"),
            (
                "shop -> cart",
                Some((Code::ContextLost, Confidence::Confirmed)),
                None,
                ExpectedOutcome::Broken,
                "it is broken for sure",
            ),
            ("shop -> cart", Some((Code::MarkLost, Confidence::Likely)), None, ExpectedOutcome::Broken, "it likely is"),
            (
                "shop -> cart",
                Some((Code::ContextLost, Confidence::Possible)),
                None,
                ExpectedOutcome::Unjudged,
                "possible never fails a build, and is no proof either",
            ),
            (
                "shop -> cart",
                Some((Code::SampledCleared, Confidence::Confirmed)),
                None,
                ExpectedOutcome::Met,
                "a warning on a hop that forwards",
            ),
            ("shop -> cart", None, Some(UnknownReason::NoMarkedTraffic), ExpectedOutcome::Unjudged, "no traffic"),
        ];
        for (text, finding, unknown, expected, reason) in rows {
            let hop = example::hop("shop", "cart", *finding, *unknown);
            let judged = Expectation::parse(text).unwrap().judge(&[hop]);
            assert_eq!(judged.outcome, *expected, "{reason}: {}", judged.detail);
        }
    }

    #[test]
    fn one_broken_call_breaks_the_hop_and_one_unknown_call_does_not() {
        let expectation = Expectation::parse("shop -> cart").unwrap();
        let forwards = example::hop("shop", "cart", None, None);
        let breaks = example::hop("shop", "cart", Some((Code::ContextLost, Confidence::Likely)), None);
        let unknown = example::hop("shop", "cart", None, Some(UnknownReason::TooFewSamples));
        assert_eq!(expectation.judge(&[forwards.clone(), breaks]).outcome, ExpectedOutcome::Broken);
        let judged = expectation.judge(&[unknown, forwards]);
        assert_eq!(
            (judged.outcome, judged.detail.as_str()),
            (ExpectedOutcome::Met, "forwards; judged on 1 of 2 calls")
        );
    }
}
