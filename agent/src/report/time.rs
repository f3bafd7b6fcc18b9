//! Times as a report shows them: always UTC, from nanoseconds since the Unix epoch.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A moment, in nanoseconds since the Unix epoch. Written as RFC 3339 with nine decimals: a number of that size would
/// lose its last digits in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// `2026-11-25T21:00:02.000000000Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(self.0)).to_string()
    }

    /// `2026-11-25`.
    #[must_use]
    pub fn date(self) -> String {
        self.to_rfc3339().get(..10).unwrap_or_default().to_owned()
    }

    /// `21:00:02`.
    #[must_use]
    pub fn clock(self) -> String {
        self.to_rfc3339().get(11..19).unwrap_or_default().to_owned()
    }

    /// `21:00:02.123456`.
    #[must_use]
    pub fn fine_clock(self) -> String {
        self.to_rfc3339().get(11..26).unwrap_or_default().to_owned()
    }
}

/// `2026-11-25 21:00:02 to 21:30:12`: the second date only where it differs.
#[must_use]
pub fn span(first: Timestamp, last: Timestamp) -> String {
    let begin = format!("{} {}", first.date(), first.clock());
    if first.date() != last.date() {
        format!("{begin} to {} {}", last.date(), last.clock())
    } else if first.clock() == last.clock() {
        begin
    } else {
        format!("{begin} to {}", last.clock())
    }
}

/// `950 µs`, `12.5 ms`, `1.2 s`, `3 min 20 s`.
#[must_use]
pub fn length(nanoseconds: u64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    match nanoseconds {
        0..1_000_000 => format!("{} µs", nanoseconds / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} ms", seconds * 1e3),
        1_000_000_000..60_000_000_000 => format!("{seconds:.1} s"),
        _ => {
            let whole = nanoseconds / 1_000_000_000;
            match (whole / 3600, whole / 60 % 60, whole % 60) {
                (0, minutes, 0) => format!("{minutes} min"),
                (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
                (hours, minutes, _) => format!("{hours} h {minutes} min"),
            }
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$",
            "description": "A moment in UTC, RFC 3339 with nanoseconds.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const AT: u64 = 1_764_104_402 * SECOND + 123_456_789;

    #[test]
    fn moments_are_shown_in_utc() {
        let moment = Timestamp(AT);
        assert_eq!(moment.to_rfc3339(), "2025-11-25T21:00:02.123456789Z");
        assert_eq!(moment.fine_clock(), "21:00:02.123456");
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00.000000000Z", "a clock that was never set");
        assert_eq!(Timestamp(u64::MAX).date(), "2554-07-21", "the last moment there is");
    }

    #[test]
    fn spans_say_what_differs() {
        let rows = [
            (AT, AT, "2025-11-25 21:00:02", "one moment"),
            (AT, AT + 60 * SECOND, "2025-11-25 21:00:02 to 21:01:02", "one day"),
            (AT, AT + 86_400 * SECOND, "2025-11-25 21:00:02 to 2025-11-26 21:00:02", "two days"),
        ];
        for (first, last, expected, reason) in rows {
            assert_eq!(span(Timestamp(first), Timestamp(last)), expected, "{reason}");
        }
    }

    #[test]
    fn lengths_have_the_unit_that_reads_best() {
        let rows = [
            (950_000, "950 µs"),
            (12_500_000, "12.5 ms"),
            (1_200_000_000, "1.2 s"),
            (200 * SECOND, "3 min 20 s"),
            (120 * SECOND, "2 min"),
            (7_260 * SECOND, "2 h 1 min"),
        ];
        for (nanoseconds, expected) in rows {
            assert_eq!(length(nanoseconds), expected);
        }
    }
}
