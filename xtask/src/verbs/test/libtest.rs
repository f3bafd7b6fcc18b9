//! Runs `cargo test` and counts what its test programs print.
//!
//! A test that finds out that it cannot run prints `SKIPPED: NAME: REASON` and returns. libtest calls that passed; here
//! it is skipped. Output of tests that passed is asked for to find those lines, and not shown otherwise, but for lines of
//! tables, which begin with a bar.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::count::Count;

/// What lines of tables begin with: figures that are worth a look when nothing failed, too.
const FIGURES: &str = "| ";

/// Runs `command`, shows what it prints, and counts. What failed to build or died counts as a failure.
///
/// # Errors
/// The command could not be started, or its output not be read.
pub(super) fn run(command: &mut Command) -> anyhow::Result<Count> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo could not be started")?;
    let mut counter = Counter::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("the tests' output could not be read")?;
            let line = String::from_utf8_lossy(&line);
            if counter.line(&line) {
                println!("{line}");
            }
        }
    }
    let status = child.wait().context("cargo could not be waited for")?;
    Ok(counter.count(status.success()))
}

/// Reads the output of any number of test programs, one after another.
#[derive(Debug, Default)]
pub(super) struct Counter {
    count: Count,
    /// Programs that said how many tests they have, and those that said how these went.
    started: usize,
    finished: usize,
    section: Section,
    /// Tests, by name or by line, that said they were skipped.
    skipped: BTreeSet<String>,
}

/// Which part of one program's output a line is in.
#[derive(Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Progress,
    /// What the tests that passed had printed; the name is that of the test.
    Successes(String),
    Failures,
}

impl Counter {
    /// Takes one line in, and tells whether it should be shown.
    pub(super) fn line(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.result(result);
            return true;
        }
        match line {
            _ if is_running(line) => {
                self.started += 1;
                self.section = Section::Progress;
            }
            "successes:" => self.section = Section::Successes(String::new()),
            "failures:" => self.section = Section::Failures,
            _ => return self.inside(line),
        }
        self.section == Section::Progress || self.section == Section::Failures
    }

    /// The sums, given whether cargo ended well.
    pub(super) fn count(mut self, success: bool) -> Count {
        let died = self.started.saturating_sub(self.finished);
        if died > 0 {
            self.count.add(&Count::failure(format!("{died} test program(s) died before their result")));
        } else if !success && self.count.failed == 0 {
            self.count.add(&Count::failure("cargo test did not end well: a build or a test program failed".to_owned()));
        }
        self.count
    }

    fn inside(&mut self, line: &str) -> bool {
        if let Some(test) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.count.failures.push(test.to_owned());
            return true;
        }
        if let Section::Successes(name) = &mut self.section
            && let Some(test) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            test.clone_into(name);
            return false;
        }
        let skipped = line.split_once("SKIPPED: ").map(|(_, skipped)| skipped);
        match (&self.section, skipped) {
            // One test may give several reasons and is still one test.
            (Section::Successes(name), Some(reason)) => {
                let test = if name.is_empty() { reason } else { name };
                if self.skipped.insert(test.to_owned()) {
                    self.count.reasons.push(reason.to_owned());
                }
                true
            }
            // A program of its own, or a child of a test, whose output libtest does not catch.
            (Section::Progress, Some(reason)) => {
                if self.skipped.insert(reason.to_owned()) {
                    self.count.reasons.push(reason.to_owned());
                }
                true
            }
            (Section::Successes(_), None) => line.starts_with(FIGURES),
            (Section::Progress | Section::Failures, _) => true,
        }
    }

    /// `ok. 3 passed; 0 failed; 1 ignored; ..`
    fn result(&mut self, result: &str) {
        let number = |of: &str| {
            let before = result.split([';', '.']).map(str::trim).find_map(|part| part.strip_suffix(of));
            before.and_then(|number| number.trim().parse::<usize>().ok()).unwrap_or(0)
        };
        let skipped = self.skipped.len().min(number("passed"));
        self.count.passed += number("passed") - skipped;
        self.count.failed += number("failed");
        self.count.skipped += skipped + number("ignored");
        self.skipped.clear();
        self.finished += 1;
        self.section = Section::Progress;
    }
}

/// `running 3 tests` and `running 1 test`, and not a test's own words.
fn is_running(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next() == Some("running")
        && words.next().is_some_and(|number| number.parse::<usize>().is_ok())
        && matches!(words.next(), Some("test" | "tests"))
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(output: &str, success: bool) -> (Count, String) {
        let mut counter = Counter::default();
        let shown: Vec<&str> = output.lines().filter(|line| counter.line(line)).collect();
        (counter.count(success), shown.join("\n"))
    }

    #[test]
    fn results_of_several_programs_are_summed() {
        let (count, _) = counted(
            "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\nwhy\n\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n\n\
             running 1 test\ntest c ... ignored\n\n\
             test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s\n",
            false,
        );
        assert_eq!((count.passed, count.failed, count.skipped), (1, 1, 1));
        assert_eq!(count.failures, ["b"], "what failed is named again at the end");
    }

    #[test]
    fn a_test_that_says_it_was_skipped_is_not_counted_as_passed() {
        let (count, shown) = counted(
            "running 2 tests\ntest flask ... ok\ntest plain ... ok\n\nsuccesses:\n\n---- flask stdout ----\n\
             SKIPPED: flask: no python3\nSKIPPED: flask: no pip either\n\n---- plain stdout ----\nchatter\n| 7 of 7\n\n\
             successes:\n    flask\n    plain\n\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            true,
        );
        assert_eq!((count.passed, count.failed, count.skipped), (1, 0, 1));
        assert_eq!(count.reasons, ["flask: no python3"]);
        assert!(shown.contains("test plain ... ok") && !shown.contains("chatter"), "{shown}");
        assert!(shown.contains("| 7 of 7"), "figures are shown: {shown}");
    }

    #[test]
    fn what_a_failed_test_printed_is_shown_and_its_skip_counts_nothing() {
        let (count, shown) = counted(
            "running 1 test\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\nSKIPPED: a: half\nleft: 1\n\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            false,
        );
        assert_eq!((count.passed, count.failed, count.skipped), (0, 1, 0));
        assert!(shown.contains("left: 1"), "{shown}");
    }

    #[test]
    fn a_build_that_failed_and_a_program_that_died_are_failures() {
        assert_eq!(counted("", false).0.failed, 1, "no test program was built");
        assert_eq!(counted("running 3 tests\ntest a ... ok\n", false).0.failed, 1, "no result came");
        assert_eq!(counted("", true).0, Count::default(), "nothing to run is no failure");
    }
}
