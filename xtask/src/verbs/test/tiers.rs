//! The tiers, in order, and how each is run.

use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::count::Count;
use super::suites::{Needs, that_need};
use super::{Options, kernels, libtest, real_software};
use crate::verbs::build_ebpf;
use crate::{prerequisites, tidy, workspace};

/// One tier of tests.
pub(super) struct Tier {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Whether `--quick` keeps it.
    quick: bool,
    /// Whether it is a list of tests, so that a filter applies.
    filtered: bool,
    /// Whether `--kernels` keeps it.
    kernels: bool,
    pub(super) run: fn(&Options) -> anyhow::Result<Count>,
}

/// All of them.
pub(super) const TIERS: &[Tier] = &[
    Tier {
        name: "tidy",
        what: "the rules no compiler checks",
        quick: false,
        filtered: false,
        kernels: false,
        run: tidy_rules,
    },
    Tier { name: "fmt", what: "cargo fmt --check", quick: false, filtered: false, kernels: false, run: fmt },
    Tier {
        name: "pure and in process",
        what: "unit tests, and suites that need nothing but the workspace",
        quick: true,
        filtered: true,
        kernels: false,
        run: in_process,
    },
    Tier {
        name: "documentation",
        what: "the examples in doc comments",
        quick: false,
        filtered: true,
        kernels: false,
        run: documentation,
    },
    Tier {
        name: "real software",
        what: "suites against what users run: Flask, nginx, an independent decoder",
        quick: false,
        filtered: true,
        kernels: false,
        run: real,
    },
    Tier {
        name: "kernel object",
        what: "the kernel programs built afresh, compared with the object in the tree",
        quick: false,
        filtered: false,
        kernels: false,
        run: kernel_object,
    },
    Tier {
        name: "live",
        what: "the probe in this kernel: the project's own services and real ones, traffic, hostile processes",
        quick: false,
        filtered: true,
        kernels: false,
        run: live,
    },
    Tier {
        name: "kernels",
        what: "the probe in other kernels, booted under emulation",
        quick: false,
        filtered: true,
        kernels: true,
        run: kernels::run,
    },
    Tier {
        name: "demo",
        what: "the demonstration, end to end",
        quick: false,
        filtered: false,
        kernels: false,
        run: demo,
    },
    Tier {
        name: "clippy",
        what: "cargo clippy, no warnings",
        quick: false,
        filtered: false,
        kernels: false,
        run: clippy,
    },
];

impl Tier {
    /// Why `options` leave this tier out, if they do.
    pub(super) fn left_out(&self, options: &Options) -> Option<&'static str> {
        if options.quick && !self.quick {
            return Some("--quick was given");
        }
        if options.kernels && !self.kernels {
            return Some("--kernels was given");
        }
        // Booting kernels to find no test of that name there is asked for only by naming them.
        let chosen = self.filtered && (!self.kernels || options.kernels);
        (!options.filters.is_empty() && !chosen).then_some("a filter was given, and it has no tests to choose from")
    }
}

fn tidy_rules(_: &Options) -> anyhow::Result<Count> {
    let report = tidy::check(&tidy::Tree::read(&workspace::root())?);
    print!("{report}");
    let failures = report.broken().map(str::to_owned).collect();
    Ok(Count { passed: report.passed_rules(), failed: report.failed_rules(), failures, ..Count::default() })
}

/// Only where the tools are there already: they are large, and an object that is older than its sources is found without
/// them.
fn kernel_object(_: &Options) -> anyhow::Result<Count> {
    if let Some(lacking) = prerequisites::lacking(prerequisites::KERNEL_OBJECT) {
        return Ok(Count::left_out(format!("{lacking}; `cargo xtask build-ebpf` installs what it needs on Debian")));
    }
    match build_ebpf::run(&["--check".to_owned()]) {
        Ok(_) => Ok(Count::success()),
        Err(error) => Ok(Count::failure(format!("{error:#}"))),
    }
}

fn fmt(_: &Options) -> anyhow::Result<Count> {
    tool("fmt", "rustfmt", &["--all", "--check"])
}

fn clippy(_: &Options) -> anyhow::Result<Count> {
    tool("clippy", "clippy", &["--workspace", "--all-targets", "--", "--deny", "warnings"])
}

/// A part of the toolchain, which a machine may lack.
fn tool(subcommand: &str, component: &str, arguments: &[&str]) -> anyhow::Result<Count> {
    let asked = workspace::cargo(&[subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !asked.is_ok_and(|status| status.success()) {
        return Ok(Count::left_out(format!("no {component}; `rustup component add {component}` installs it")));
    }
    let status = workspace::cargo(&[subcommand]).args(arguments).status().context("cargo could not be started")?;
    Ok(if status.success() { Count::success() } else { Count::failure(format!("cargo {subcommand}; see above")) })
}

fn in_process(options: &Options) -> anyhow::Result<Count> {
    // The suites start the agent's own binary, which `cargo test` builds only for the package it lies in.
    workspace::build_binaries()?;
    let mut command = workspace::cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    for suite in that_need(Needs::Nothing) {
        command.args(["--test", &suite]);
    }
    libtest::run(with_filters(&mut command, options))
}

fn documentation(options: &Options) -> anyhow::Result<Count> {
    libtest::run(with_filters(&mut workspace::cargo(&["test", "--workspace", "--no-fail-fast", "--doc"]), options))
}

fn real(options: &Options) -> anyhow::Result<Count> {
    with_software(options, Needs::RealSoftware)
}

fn live(options: &Options) -> anyhow::Result<Count> {
    with_software(options, Needs::Kernel)
}

/// Suites that run other software: with the pinned Python packages, and as many threads as their tests bear.
fn with_software(options: &Options, needs: Needs) -> anyhow::Result<Count> {
    let suites = that_need(needs);
    if suites.is_empty() {
        return Ok(Count::left_out("there are no such suites"));
    }
    let live: &[_] = if needs == Needs::Kernel { prerequisites::LIVE } else { &[] };
    // Something missing here ends nothing: each test says what it lacked.
    for missing in [prerequisites::REAL_SOFTWARE, live].map(prerequisites::ensure).into_iter().filter_map(Result::err) {
        println!("{missing}");
    }
    workspace::build_binaries()?;
    let mut command = workspace::cargo(&["test", "--workspace", "--no-fail-fast"]);
    for suite in suites {
        command.args(["--test", &suite]);
    }
    match real_software::python() {
        Ok(Some(python)) => _ = command.env("THROUGHLINE_TEST_PYTHON", python),
        Ok(None) => {}
        Err(error) => println!("no Python environment: {error:#}"),
    }
    let command = with_filters(&mut command, options);
    if needs == Needs::Kernel {
        // They load the machine, and each measures what it shows of it.
        command.arg("--test-threads=1");
    }
    libtest::run(command)
}

fn demo(_: &Options) -> anyhow::Result<Count> {
    workspace::build_binaries()?;
    let mut command = Command::new(workspace::agent_binary());
    let output = command.arg("demo").stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("the demonstration could not be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    if !output.status.success() {
        return Ok(Count::failure(format!("the demonstration ended with {}", output.status)));
    }
    Ok(if shows_a_trace(&said) { Count::success() } else { Count::failure("it printed no waterfall".to_owned()) })
}

/// Whether `text` holds a trace id, as every waterfall does.
fn shows_a_trace(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word.len() == 32 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn with_filters<'a>(command: &'a mut Command, options: &Options) -> &'a mut Command {
    command.env("THROUGHLINE_BIN", workspace::agent_binary());
    command.args(["--", "--show-output"]).args(&options.filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_leave_tiers_out_for_a_reason() {
        let names = |options: &Options| -> Vec<&str> {
            TIERS.iter().filter(|tier| tier.left_out(options).is_none()).map(|tier| tier.name).collect()
        };
        let options = |quick, filters: &[&str]| Options {
            quick,
            kernels: false,
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
        };
        assert_eq!(names(&options(false, &[])).len(), TIERS.len());
        assert_eq!(names(&options(true, &[])), ["pure and in process"]);
        assert_eq!(names(&options(false, &["x"])), ["pure and in process", "documentation", "real software", "live"]);
        assert_eq!(names(&Options { kernels: true, ..options(false, &[]) }), ["kernels"]);
        assert_eq!(names(&Options { kernels: true, ..options(false, &["x"]) }), ["kernels"]);
    }

    #[test]
    fn a_waterfall_is_known_by_its_trace_id() {
        assert!(shows_a_trace("trace 4bf92f3577b34da6a3ce929d0e0e4736 (3 services)"));
        assert!(!shows_a_trace("no traces arrived within 10 s"));
    }
}
