//! Development tasks: `cargo xtask VERB`. A table of contents; each verb lies in its own file.
//!
//! Refuses to depend on any crate of the workspace, or on anything that needs cmake or a C compiler to build: it has to
//! run first, to find out whether those are there.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for people and CI: its output is its purpose"
)]

mod failure;
mod kernel_object;
mod kernels;
mod prerequisites;
mod tidy;
mod verbs;
mod workspace;

use std::process::ExitCode;

use failure::Failure;

const HELP: &str = "\
Development tasks of throughline.

usage: cargo xtask VERB [ARGUMENTS]

  demo [ARGUMENTS]             build the agent and run `throughline demo`
  test [--quick] [FILTER]..    every tier of tests this machine can run; --quick: pure and in process only;
                               --kernels: only what runs inside other kernels
  bench [ARGUMENTS]            build the release profile and run the benchmark
  tidy                         the rules no compiler checks: imports, files, manifests, words, links
  fuzz [SECONDS]               each fuzz target for SECONDS (default 60)
  build-ebpf [--check]         the kernel programs, into the tree; --check: are those in the tree what the sources make?
  kernel VERSION|all PROGRAM.. a program of this machine inside Linux 5.10, 6.1 or 6.12; --with=FILE takes one more along

examples:
  cargo xtask demo
  cargo xtask test
  cargo xtask test --quick traceparent
  cargo xtask bench --rounds 9

Each verb first checks what it needs. As root on a Debian-like system it installs what is missing; elsewhere it prints
the command that does.

exit codes: 0 done; 1 a failed test or step; 2 usage; 4 something is missing that may not be installed here
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            error.downcast_ref::<Failure>().map_or(ExitCode::FAILURE, Failure::exit_code)
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let Some((verb, rest)) = arguments.split_first() else {
        eprint!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    match verb.as_str() {
        "demo" => verbs::demo::run(rest),
        "test" => verbs::test::run(rest),
        "bench" => verbs::bench::run(rest),
        "tidy" => verbs::tidy::run(rest),
        "fuzz" => verbs::fuzz::run(rest),
        "kernel" => verbs::kernel::run(rest),
        "build-ebpf" => verbs::build_ebpf::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => Err(Failure::usage(format!("no verb `{unknown}`; `cargo xtask help` lists them")).into()),
    }
}
