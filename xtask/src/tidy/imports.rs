//! Who may import whom: the arrows of the architecture, checked against `use` lines and paths.
//!
//! Tests are left out: they may read files and clocks, and reach across.

use super::source::{self, Named};
use super::{File, Found};

/// Modules of the agent that do no I/O, read no clock and log nothing.
const PURE: &[&str] = &[
    "trace",
    "http",
    "gap",
    "glob",
    "report",
    "check::rules",
    "check::result",
    "check::table",
    "probe::sighting",
    "probe::streams",
    "export::encode",
    "export::decode",
];

/// What a pure module refuses. Addresses of `std::net` are values and stay allowed.
const IMPURE: &[&str] = &[
    "tokio",
    "pingora*",
    "aya*",
    "axum",
    "clap",
    "reqwest",
    "hyper",
    "tonic",
    "opentelemetry_sdk",
    "log",
    "tracing",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "Instant::now",
    "SystemTime::now",
];

/// Crates with one importer each.
const ONE_IMPORTER: &[(&str, &[&str])] = &[
    ("pingora", &["proxy"]),
    ("pingora_*", &["proxy"]),
    ("aya", &["probe"]),
    ("aya_*", &["probe"]),
    ("prost", &["export"]),
    ("tonic", &["export"]),
    ("opentelemetry_otlp", &["export"]),
    ("opentelemetry_proto", &["export"]),
    ("reqwest", &["export", "gather", "challenge"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
];

/// Modules and the modules they must not know. `app` has its own rule below.
const NO_ARROW: &[(&str, &[&str])] = &[
    ("trace", &["gap", "report", "http", "config", "proxy", "probe", "workload", "export", "store", "admin"]),
    ("http", &["gap", "report", "config", "proxy", "probe", "workload", "export", "store", "admin"]),
    ("gap", &["report", "config", "proxy", "probe", "workload", "export", "store", "admin"]),
    ("report", &["config", "proxy", "probe", "workload", "export", "store", "admin"]),
    ("gather", &["config", "proxy", "probe", "workload", "export", "store", "admin", "cli"]),
    ("challenge", &["config", "proxy", "probe", "workload", "export", "store", "admin", "cli"]),
    ("config", &["proxy", "probe", "workload", "export", "store", "admin", "cli"]),
    ("proxy", &["probe", "export", "store", "admin", "cli"]),
    ("probe", &["proxy", "export", "store", "admin", "cli"]),
    ("workload", &["proxy", "probe", "export", "store", "admin", "cli"]),
    ("export", &["proxy", "probe", "store", "admin", "cli"]),
    ("store", &["proxy", "probe", "export", "admin", "cli"]),
    ("admin", &["proxy", "probe", "cli"]),
    ("check", &["proxy", "store", "admin", "cli"]),
];

/// Who may start the agent: the program, its command line, and the demonstration, which runs whole agents.
const MAY_KNOW_APP: &[&str] = &["app", "main", "cli", "demo"];

/// Where a format is promised.
const PROMISED: &[&str] = &[
    "config",
    "store",
    "report",
    "admin",
    "export::print",
    "gap::ndjson",
    "check::answer",
    "check::list",
    "check::result",
];

pub(super) fn pure(file: &File) -> Vec<Found> {
    let Some(module) = agent_module(file).filter(|module| in_any(module, PURE)) else { return Vec::new() };
    let mut found = Vec::new();
    for named in agent_paths(file, &module) {
        if IMPURE.iter().any(|impure| is_under(&named.path, impure)) {
            found.push(Found::at(named.line, format!("`{module}` is pure and names `{}`", named.path)));
        }
    }
    found
}

pub(super) fn one_importer(file: &File) -> Vec<Found> {
    let Some(module) = agent_module(file) else { return Vec::new() };
    let mut found = Vec::new();
    for named in agent_paths(file, &module) {
        for (of, importers) in ONE_IMPORTER {
            if is_under(&named.path, of) && !in_any(&module, importers) {
                let only = importers.join(", ");
                found.push(Found::at(named.line, format!("`{module}` names `{}`; only {only} may", named.path)));
            }
        }
    }
    found
}

pub(super) fn one_direction(file: &File) -> Vec<Found> {
    let Some(module) = agent_module(file) else { return Vec::new() };
    let mut found = Vec::new();
    for named in agent_paths(file, &module) {
        let Some(target) = named.path.strip_prefix("crate::") else { continue };
        let refused = |(from, to): &(&str, &[&str])| is_under(&module, from) && in_any(target, to);
        if NO_ARROW.iter().any(refused) || (is_under(target, "app") && !in_any(&module, MAY_KNOW_APP)) {
            found.push(Found::at(named.line, format!("`{module}` must not know `{target}`")));
        }
    }
    found
}

pub(super) fn promised_formats(file: &File) -> Vec<Found> {
    let Some(module) = agent_module(file).filter(|module| !in_any(module, PROMISED)) else { return Vec::new() };
    let named = agent_paths(file, &module).into_iter().filter(|named| is_under(&named.path, "serde"));
    named.map(|named| Found::at(named.line, format!("`{module}` names `{}`", named.path))).collect()
}

pub(super) fn kernel_border(file: &File) -> Vec<Found> {
    let Some(inside) = file.path.strip_prefix("agent-ebpf/") else { return Vec::new() };
    let refused: &[&str] = if inside.starts_with("common/") {
        &["std", "alloc", "throughline", "aya_ebpf"]
    } else {
        &["std", "alloc", "throughline", "aya", "tokio"]
    };
    named(file)
        .into_iter()
        .filter(|named| in_any(&named.path, refused))
        .map(|named| Found::at(named.line, format!("names `{}`", named.path)))
        .collect()
}

pub(super) fn outside_crates(file: &File) -> Vec<Found> {
    let mut found = Vec::new();
    if file.path.starts_with("xtask/") {
        let workspace = named(file).into_iter().filter(|named| is_under(&named.path, "throughline*"));
        found.extend(workspace.map(|named| Found::at(named.line, format!("xtask names `{}`", named.path))));
    }
    for (line, code) in (1..).zip(source::code(&file.text).lines()) {
        if code.contains("include!(") || leaves_its_package(file, line) {
            found.push(Found::at(line, "takes in a file of another package by its path"));
        }
    }
    found
}

/// Whether this line is a `#[path = ".."]` that climbs out of the top-level folder the file lies in. The fuzz targets
/// may: they build the pure modules without anything these do not need.
fn leaves_its_package(file: &File, line: usize) -> bool {
    let text = file.text.lines().nth(line - 1).unwrap_or_default().trim_start();
    let path = text.strip_prefix("#[path = \"").filter(|_| !file.path.starts_with("tests/fuzz/"));
    path.is_some_and(|path| path.matches("../").count() >= file.path.matches('/').count())
}

pub(super) fn no_glob_exports(file: &File) -> Vec<Found> {
    let globs = named(file).into_iter().filter(|named| named.exported && named.path.ends_with('*'));
    globs.map(|named| Found::at(named.line, format!("`pub use {}`", named.path))).collect()
}

/// The module a product file of the agent is: `proxy::listener`, `main`, or empty for the library's root.
fn agent_module(file: &File) -> Option<String> {
    let inside = file.path.strip_prefix("agent/src/")?.strip_suffix(".rs")?;
    let tests = inside.split('/').any(|segment| segment == "tests" || segment.ends_with("_tests"));
    (!tests).then(|| if inside == "lib" { String::new() } else { inside.replace('/', "::") })
}

/// The paths a product file of the agent names, those within the agent as `crate::..`.
fn agent_paths(file: &File, module: &str) -> Vec<Named> {
    let mut all = named(file);
    for named in &mut all {
        named.path = resolved(&named.path, module);
    }
    all
}

fn named(file: &File) -> Vec<Named> {
    source::named_paths(&source::product_code(&file.text))
}

fn resolved(path: &str, module: &str) -> String {
    if let Some(rest) = path.strip_prefix("throughline::") {
        return format!("crate::{rest}");
    }
    let mut within: Vec<&str> = module.split("::").filter(|segment| !segment.is_empty()).collect();
    let mut rest = path;
    let mut relative = false;
    loop {
        if let Some(after) = rest.strip_prefix("super::") {
            within.pop();
            rest = after;
        } else if let Some(after) = rest.strip_prefix("self::") {
            rest = after;
        } else {
            break;
        }
        relative = true;
    }
    if !relative {
        return path.to_owned();
    }
    let mut segments = vec!["crate"];
    segments.extend(within);
    segments.push(rest);
    segments.join("::")
}

fn in_any(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| is_under(path, prefix))
}

/// Whether `path` is `prefix` or lies under it. A `*` at the end lets the last segment go on.
fn is_under(path: &str, prefix: &str) -> bool {
    match prefix.strip_suffix('*') {
        Some(open) => path.starts_with(open),
        None => path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}
