//! `cargo xtask test`: every tier of tests this machine can run, one after another whatever fails, then a table and one
//! closing line with the sums. Nothing is left out silently: a tier or a test that could not run is counted and named.

mod count;
mod kernels;
mod libtest;
mod real_software;
mod suites;
mod tiers;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::prerequisites;
use count::Count;
use tiers::TIERS;

/// What was asked for.
struct Options {
    /// Only what needs no other software and no built binary's demonstration.
    quick: bool,
    /// Only what runs inside other kernels.
    kernels: bool,
    /// Parts of test names; tiers that are no lists of tests are then left out.
    filters: Vec<String>,
}

/// A tier that has been dealt with.
struct Done {
    name: &'static str,
    count: Count,
    took: Duration,
}

/// Runs the tiers and ends with 1 if anything failed.
///
/// # Errors
/// An unknown flag, or something is missing that no tier can do without.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let options = Options::parse(arguments)?;
    prerequisites::ensure(prerequisites::BUILD)?;
    let mut done = Vec::new();
    for tier in TIERS {
        let count = match tier.left_out(&options) {
            Some(reason) => Count::left_out(reason),
            None => {
                println!("\n==> {}: {}", tier.name, tier.what);
                let started = Instant::now();
                let count = (tier.run)(&options).unwrap_or_else(|error| Count::failure(format!("{error:#}")));
                done.push(Done { name: tier.name, count, took: started.elapsed() });
                continue;
            }
        };
        done.push(Done { name: tier.name, count, took: Duration::ZERO });
    }
    print!("{}", summary(&done));
    let failed = done.iter().any(|done| done.count.failed > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self { quick: false, kernels: false, filters: Vec::new() };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--kernels" => options.kernels = true,
                flag if flag.starts_with('-') => {
                    return Err(Failure::usage(format!(
                        "test knows no `{flag}`; it takes --quick, --kernels and parts of test names"
                    )));
                }
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }
}

/// The table, what was skipped and why, what failed, and the closing line that CI reads.
fn summary(done: &[Done]) -> String {
    let mut text = format!("\n{:<22}{:>8}{:>8}{:>8}{:>9}\n", "tier", "passed", "failed", "skipped", "time");
    let mut sum = Count::default();
    for Done { name, count, took } in done {
        let Count { passed, failed, skipped, .. } = count;
        text += &format!("{name:<22}{passed:>8}{failed:>8}{skipped:>8}{:>7} s\n", took.as_secs());
        sum.add(count);
    }
    for Done { name, count, .. } in done {
        count.reasons.iter().for_each(|reason| text += &format!("skipped: {name}: {reason}\n"));
        count.failures.iter().for_each(|failure| text += &format!("failed: {name}: {failure}\n"));
    }
    text + &format!("\n{} passed, {} failed, {} skipped\n", sum.passed, sum.failed, sum.skipped)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Failure> {
        Options::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_and_filters_come_in_any_order_and_unknown_flags_are_refused() {
        let options = parse(&["trace", "--quick", "gap"]).unwrap();
        assert!(options.quick);
        assert_eq!(options.filters, ["trace", "gap"]);
        assert!(parse(&["--fast"]).is_err_and(|failure| failure.to_string().contains("`--fast`")));
    }

    #[test]
    fn the_last_line_sums_all_tiers_and_every_reason_is_named() {
        let passed = Count { passed: 40, ..Count::default() };
        let tiers =
            [("pure", passed), ("demo", Count::failure("exit 1".into())), ("fmt", Count::left_out("no rustfmt"))];
        let done = tiers.map(|(name, count)| Done { name, count, took: Duration::from_secs(1) });
        let text = summary(&done);
        assert_eq!(text.lines().last(), Some("40 passed, 1 failed, 1 skipped"));
        assert!(text.contains("skipped: fmt: no rustfmt\n") && text.contains("failed: demo: exit 1\n"), "{text}");
    }
}
