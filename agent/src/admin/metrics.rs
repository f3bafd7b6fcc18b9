//! Samples as the Prometheus text format, version 0.0.4. Computes no number of its own.
//!
//! Source: Prometheus documentation, "Exposition formats", text-based format.

use std::fmt::Write as _;

use crate::trace::counts::{Sample, SampleKind};

/// The `Content-Type` of [`render`]'s text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One block a metric name, sorted by name, as the format demands that all lines of a name stand together. Within a
/// name the order of `samples` is kept. Counters get the suffix `_total`.
pub(super) fn render(mut samples: Vec<Sample>) -> String {
    samples.sort_by_key(|sample| sample.name);
    let mut text = String::with_capacity(samples.len() * 96);
    let mut previous = None;
    for sample in &samples {
        let (kind, suffix) = match sample.kind {
            SampleKind::Counter if !sample.name.ends_with("_total") => ("counter", "_total"),
            SampleKind::Counter => ("counter", ""),
            SampleKind::Gauge => ("gauge", ""),
        };
        let name = sample.name;
        // Writing to a String cannot fail, so the results below are not looked at.
        if previous.replace(name) != Some(name) {
            let _ = writeln!(text, "# HELP {name}{suffix} {}", escape(sample.help, false));
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        }
        let _ = write!(text, "{name}{suffix}");
        for (n, (key, value)) in sample.labels.iter().enumerate() {
            let before = if n == 0 { '{' } else { ',' };
            let _ = write!(text, "{before}{key}=\"{}\"", escape(value, true));
        }
        let end = if sample.labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{end} {}", sample.value);
    }
    text
}

/// Backslash and line feed are escaped everywhere, the double quote only in label values.
fn escape(text: &str, quotes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quotes => escaped.push_str("\\\""),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::trace::counts::{Sample, SampleKind};

    fn sample(name: &'static str, kind: SampleKind, labels: &[(&'static str, &str)], value: u64) -> Sample {
        let labels = labels.iter().map(|&(key, value)| (key, value.to_owned())).collect();
        Sample { name, help: "What it counts.", kind, labels, value }
    }

    #[test]
    fn blocks() {
        use SampleKind::{Counter, Gauge};
        let rows: &[(&str, Vec<Sample>, &str)] = &[
            ("nothing to say is an empty page", vec![], ""),
            (
                "a counter gets its suffix",
                vec![sample("a", Counter, &[], 7)],
                "# HELP a_total What it counts.\n# TYPE a_total counter\na_total 7\n",
            ),
            (
                "but not twice",
                vec![sample("a_total", Counter, &[], 7)],
                "# HELP a_total What it counts.\n# TYPE a_total counter\na_total 7\n",
            ),
            (
                "a gauge has none",
                vec![sample("a", Gauge, &[], u64::MAX)],
                "# HELP a What it counts.\n# TYPE a gauge\na 18446744073709551615\n",
            ),
            (
                "one name from two sources stands together, in order",
                vec![
                    sample("b", Gauge, &[("service", "x")], 1),
                    sample("a", Gauge, &[], 2),
                    sample("b", Gauge, &[("service", "y")], 3),
                ],
                "# HELP a What it counts.\n# TYPE a gauge\na 2\n\
                 # HELP b What it counts.\n# TYPE b gauge\nb{service=\"x\"} 1\nb{service=\"y\"} 3\n",
            ),
            (
                "backslash, quote and line feed in a label value would end it early",
                vec![sample("a", Gauge, &[("k", "a\\b\"c\nd"), ("l", "é")], 0)],
                "# HELP a What it counts.\n# TYPE a gauge\na{k=\"a\\\\b\\\"c\\nd\",l=\"é\"} 0\n",
            ),
        ];
        for (reason, samples, expected) in rows {
            assert_eq!(render(samples.clone()), *expected, "{reason}");
        }
    }
}
