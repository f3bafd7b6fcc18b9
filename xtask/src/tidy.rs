//! The rules of this tree that no compiler checks, as a table. Each rule is a small function over a file, or over all
//! of them, and comes with the reason that its failures print.
//!
//! Refuses to change anything, and to know Rust beyond what [`source`] reads: comments, strings and paths.

mod files;
mod imports;
mod kernel;
mod manifests;
mod markdown;
mod source;
mod tree;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use tree::{File, Tree};

use std::fmt;

/// One rule.
struct Rule {
    name: &'static str,
    /// Printed with each finding: why anyone should care.
    reason: &'static str,
    check: Check,
}

/// What a rule looks at.
enum Check {
    /// Every Rust file.
    Rust(fn(&File) -> Vec<Found>),
    /// Every file that people write.
    Text(fn(&File) -> Vec<Found>),
    /// The tree as a whole.
    Tree(fn(&Tree) -> Vec<(String, Found)>),
}

/// What a rule found in a file.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// From 1; 0 where the whole file is meant.
    line: usize,
    what: String,
    /// A warning is printed and fails nothing.
    warning: bool,
}

impl Found {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), warning: false }
    }
}

const RULES: &[Rule] = &[
    Rule {
        name: "doc-header",
        reason: "a file opens with `//!`: what it owns and what it refuses",
        check: Check::Rust(files::doc_header),
    },
    Rule {
        name: "file-length",
        reason: "400 lines are a question, 600 need a reason listed in xtask/src/tidy/files.rs",
        check: Check::Rust(files::length),
    },
    Rule {
        name: "module-names",
        reason: "a module is named for what it owns; `x.rs` lies beside `x/`",
        check: Check::Rust(files::module_names),
    },
    Rule {
        name: "white-space",
        reason: "diffs show changes, not tabs and line ends",
        check: Check::Text(files::white_space),
    },
    Rule {
        name: "pure-modules",
        reason: "what decides does no I/O, reads no clock and logs nothing: those are arguments and results",
        check: Check::Rust(imports::pure),
    },
    Rule {
        name: "one-importer",
        reason: "each heavy dependency has one importer, so that it can be replaced",
        check: Check::Rust(imports::one_importer),
    },
    Rule {
        name: "one-direction",
        reason: "sources -> records -> sinks; only `app` knows all",
        check: Check::Rust(imports::one_direction),
    },
    Rule {
        name: "promised-formats",
        reason: "serde is derived only where a format is promised",
        check: Check::Rust(imports::promised_formats),
    },
    Rule {
        name: "kernel-border",
        reason: "kernel crates know `core`, aya-ebpf and throughline-common, and nothing of the agent",
        check: Check::Rust(imports::kernel_border),
    },
    Rule {
        name: "outside-crates",
        reason: "xtask runs before anything can be built; the tests see what users see",
        check: Check::Rust(imports::outside_crates),
    },
    Rule {
        name: "no-glob-exports",
        reason: "what a module offers is listed by name",
        check: Check::Rust(imports::no_glob_exports),
    },
    Rule {
        name: "nothing-unfinished",
        reason: "what is not done belongs in the tracker, and a test that is off tests nothing",
        check: Check::Rust(words::nothing_unfinished),
    },
    Rule {
        name: "project-words",
        reason: "the tree speaks of the project alone, and is read without its tracker",
        check: Check::Text(words::project_words),
    },
    Rule {
        name: "one-version",
        reason: "versions stand once, in the workspace's Cargo.toml",
        check: Check::Tree(manifests::one_version),
    },
    Rule {
        name: "small-xtask",
        reason: "xtask builds before anyone knows whether there is cmake or a C compiler",
        check: Check::Tree(manifests::small_xtask),
    },
    Rule { name: "lock-file", reason: "everyone builds what CI built", check: Check::Tree(manifests::lock_file) },
    Rule {
        name: "observes-only",
        reason: "kernel programs look, count and copy out: xtask/src/kernel_object.rs lists what they may call",
        check: Check::Tree(kernel::observes_only),
    },
    Rule {
        name: "fresh-object",
        reason: "the object that the agent carries is what the sources say",
        check: Check::Tree(kernel::fresh_object),
    },
    Rule {
        name: "links",
        reason: "a link in the documents leads to a file and a heading that exist",
        check: Check::Tree(markdown::links),
    },
    Rule {
        name: "documented-flags",
        reason: "a flag in the README's tables is one the program takes",
        check: Check::Tree(markdown::documented_flags),
    },
];

/// Every rule's findings.
pub(crate) struct Report {
    outcomes: Vec<(&'static Rule, Vec<(String, Found)>)>,
}

/// Checks every rule.
pub(crate) fn check(tree: &Tree) -> Report {
    Report { outcomes: RULES.iter().map(|rule| (rule, findings(rule, tree))).collect() }
}

fn findings(rule: &Rule, tree: &Tree) -> Vec<(String, Found)> {
    let each = |check: fn(&File) -> Vec<Found>, rust_only: bool| {
        let files = tree.files().iter().filter(|file| !rust_only || file.is_rust());
        files.flat_map(|file| check(file).into_iter().map(|found| (file.path.clone(), found))).collect()
    };
    match rule.check {
        Check::Rust(check) => each(check, true),
        Check::Text(check) => each(check, false),
        Check::Tree(check) => check(tree),
    }
}

impl Report {
    /// How many rules hold.
    pub(crate) fn passed_rules(&self) -> usize {
        self.outcomes.len() - self.failed_rules()
    }

    /// How many rules are broken somewhere; warnings break none.
    pub(crate) fn failed_rules(&self) -> usize {
        self.broken().count()
    }

    /// The names of the broken rules.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &'static str> {
        let broken = self.outcomes.iter().filter(|(_, found)| found.iter().any(|(_, found)| !found.warning));
        broken.map(|(rule, _)| rule.name)
    }
}

/// One line a finding, then one with the counts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rule, findings) in &self.outcomes {
            for (path, found) in findings {
                let kind = if found.warning { "warning" } else { "error" };
                let Found { line, what, .. } = found;
                writeln!(f, "{path}:{line}: {kind}: {what} [{}: {}]", rule.name, rule.reason)?;
            }
        }
        writeln!(f, "tidy: {} rules hold, {} broken", self.passed_rules(), self.failed_rules())
    }
}
