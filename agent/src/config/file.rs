//! The configuration file: YAML in, checked and typed settings out, or every mistake it has.
//!
//! Pure but for what it is given to look outside with ([`Outside`]). Flags and variables are laid over it by
//! [`FileConfig::settle`]: flags before `THROUGHLINE_*` before `OTEL_*` before the file before the defaults.

mod check;
mod export;
mod form;
mod named_files;
mod outside;
mod problem;
mod process;
mod proxies;
mod section;
mod show;
mod substitute;
mod suggest;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use std::net::SocketAddr;
use std::path::Path;

pub use form::json_schema;
pub use outside::{Machine, Outside};
pub use problem::{Place, Problem, Problems};

pub use show::show;

use super::export::{ExportChoice, ExportDefaults};
use super::{
    AdminConfig, Config, ConfigError, ExportConfig, ObserveConfig, ProxyConfig, ReportConfig, StopConfig, admin,
};
use crate::trace::decision::RecordMode;
use section::Reader;

/// The form of file that is understood, as `file_format` names it.
pub const FORMAT: &str = "1";

/// A commented configuration with every key, for `config init`.
pub const EXAMPLE: &str = include_str!("file/example.yaml");

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct FileConfig {
    /// The proxies, in the file's order.
    pub proxies: Vec<ProxyConfig>,
    /// Where spans go, unless flag or variables say it.
    pub export: ExportDefaults,
    /// Where health, metrics and reports are served.
    pub admin: AdminConfig,
    /// Proxy threads; `None` means one for each core.
    pub threads: Option<usize>,
    /// How to stop.
    pub stop: StopConfig,
    /// What the report leaves out and takes in.
    pub report: ReportConfig,
    /// What becomes of what the proxies see.
    pub observe: ObserveConfig,
    /// What is odd and does not stop the start.
    pub warnings: Vec<String>,
}

/// What flags and `THROUGHLINE_*` variables say instead of the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// `--export`.
    pub export: Option<ExportChoice>,
    /// `--admin`.
    pub admin: Option<SocketAddr>,
    /// `--threads`.
    pub threads: Option<usize>,
}

/// Reads the file at `path`. Names in it are relative to its folder.
///
/// # Errors
/// Every mistake in it; or that it cannot be read.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<FileConfig, Problems> {
    let file = path.display().to_string();
    let text = Machine::text(path).map_err(|error| Problems {
        file: file.clone(),
        all: vec![Problem {
            at: Place { line: 1, column: 1 },
            path: String::new(),
            problem: format!("cannot be read: {error}"),
            remedy: "name a file that exists; throughline config init prints an example".to_owned(),
        }],
    })?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    read(&file, &text, &Machine { env, folder })
}

/// Reads the text of a file that messages call `name`.
///
/// # Errors
/// Every mistake in it.
pub fn read(name: &str, text: &str, outside: &dyn Outside) -> Result<FileConfig, Problems> {
    let mut reader = Reader::new(outside);
    let read = match tree::parse(text) {
        Ok(root) => whole(&mut reader, root),
        Err(problem) => {
            reader.problems.push(problem);
            None
        }
    };
    match read {
        Some(config) if reader.problems.is_empty() => Ok(FileConfig { warnings: reader.warnings, ..config }),
        _ => {
            reader.problems.sort_by_key(|problem| problem.at);
            Err(Problems { file: name.to_owned(), all: reader.problems })
        }
    }
}

fn whole(reader: &mut Reader<'_>, root: tree::Node) -> Option<FileConfig> {
    let at = root.at;
    let mut top = reader.section(section::Entry { path: String::new(), at, node: root })?;
    if !understood(reader, &mut top) {
        return None;
    }
    let mut proxies = Vec::new();
    match top.take("proxies") {
        Some(entry) => proxies = proxies::read(reader, entry),
        None => reader.missing(&top, "proxies", "list at least one: - listen: 127.0.0.1:8080"),
    }
    let mut section = |reader: &mut Reader<'_>, key| top.take(key).and_then(|entry| reader.section(entry));
    let export = section(reader, "export").map(|section| export::read(reader, section)).unwrap_or_default();
    let admin = section(reader, "admin").map(|section| process::admin(reader, section));
    let (admin, admin_at) = admin.unwrap_or((AdminConfig::open(admin::DEFAULT_LISTEN), at));
    let stop = section(reader, "stop").map(|section| process::stop(reader, section)).unwrap_or_default();
    let report = section(reader, "report").map(|section| process::report(reader, section));
    let (report, kept) = report.unwrap_or_default();
    let recording = section(reader, "observe").and_then(|section| process::observe(reader, section));
    let observe = ObserveConfig::default();
    let observe = ObserveConfig { recording, keep_bytes: kept.unwrap_or(observe.keep_bytes), ..observe };
    if let Some(section) = section(reader, "probe") {
        process::probe(reader, section);
    }
    if let Some(entry) = top.take("store") {
        process::store(reader, &entry);
    }
    let threads = reader.number(&mut top, "threads", process::THREADS);
    top.finish(reader);
    check::together(reader, &proxies, (admin.listen, admin_at));
    Some(FileConfig {
        proxies: proxies.into_iter().map(|read| read.config).collect(),
        export,
        admin,
        threads: threads.and_then(|threads| usize::try_from(threads).ok()),
        stop,
        report,
        observe,
        warnings: Vec::new(),
    })
}

/// Whether this is a form of file whose keys are known; nothing else is said of another.
fn understood(reader: &mut Reader<'_>, top: &mut section::Section) -> bool {
    let remedy = format!("write file_format: \"{FORMAT}\"");
    let Some(entry) = top.take("file_format") else {
        reader.missing(top, "file_format", &remedy);
        return true;
    };
    let Some(scalar) = reader.scalar(entry) else { return true };
    if scalar.text == FORMAT {
        return true;
    }
    let problem = format!("{:?} is not known to this version of throughline", scalar.shown);
    reader.problem(scalar.at, &scalar.path, problem, remedy);
    false
}

impl FileConfig {
    /// Lays flags and variables over the file. `env` looks a variable up.
    ///
    /// # Errors
    /// A flag or variable that cannot be used.
    pub fn settle(
        self,
        overrides: Overrides,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Config, Vec<String>), ConfigError> {
        let (export, odd) = ExportConfig::from_file(overrides.export, env, &self.export)?;
        let mut warnings = self.warnings;
        warnings.extend(odd.iter().map(ToString::to_string));
        let mut admin = self.admin;
        if let Some(listen) = overrides.admin {
            admin.listen = listen;
            admin.check("--admin")?;
        }
        let mut proxies = self.proxies;
        if let Some(warning) = super::propagators(env) {
            proxies.iter_mut().for_each(|proxy| proxy.record = RecordMode::None);
            warnings.push(warning);
        }
        let threads = overrides.threads.or(self.threads).unwrap_or_else(super::cores);
        let config = Config {
            proxies,
            export,
            admin: Some(admin),
            threads,
            stop: self.stop,
            report: self.report,
            observe: Some(self.observe),
        };
        Ok((config, warnings))
    }
}
