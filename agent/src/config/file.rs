//! The configuration file: YAML in, checked and typed settings out, or every mistake it has.
//!
//! Pure but for what it is given to look outside with ([`Outside`]). Flags and variables are laid over it by
//! [`FileConfig::settle`]: flags before `THROUGHLINE_*` before `OTEL_*` before the file before the defaults.

mod check;
mod export;
mod form;
mod named_files;
mod outside;
mod probe;
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
use super::probe::Enabled;
use super::workload::Selector;
use super::{
    AdminConfig, Config, ConfigError, ExportConfig, ObserveConfig, ProbeConfig, ProxyConfig, ReportConfig, StopConfig,
    admin,
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
    /// What the kernel probe watches.
    pub probe: ProbeConfig,
    /// What is odd and does not stop the start.
    pub warnings: Vec<String>,
}

/// What flags and `THROUGHLINE_*` variables say instead of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--export`.
    pub export: Option<ExportChoice>,
    /// `--admin`.
    pub admin: Option<SocketAddr>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--target`; if any, they stand instead of the file's.
    pub targets: Vec<Selector>,
}

/// Reads the file at `path`, over which `overrides` will be laid. Names in it are relative to its folder.
///
/// # Errors
/// Every mistake in it; or that it cannot be read.
pub fn load(path: &Path, overrides: &Overrides, env: &dyn Fn(&str) -> Option<String>) -> Result<FileConfig, Problems> {
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
    read(&file, &text, &Machine { env, folder, has_targets: !overrides.targets.is_empty() })
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
    let has_proxies = top.has("proxies");
    let proxies = top.take("proxies").map(|entry| proxies::read(reader, entry)).unwrap_or_default();
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
    let probe = section(reader, "probe").map(|section| probe::read(reader, section)).unwrap_or_default();
    if let Some(entry) = top.take("store") {
        process::store(reader, &entry);
    }
    let threads = reader.number(&mut top, "threads", process::THREADS);
    if !has_proxies && !probe.is_wanted() && !reader.outside.has_targets() {
        let remedy = "list at least one: - listen: 127.0.0.1:8080; or name targets of the probe: targets: [all]";
        reader.missing(&top, "proxies", remedy);
    }
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
        probe,
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
    /// What an agent does that is asked for targets alone: it watches them, or it does not start.
    #[must_use]
    pub fn of_targets() -> Self {
        Self {
            proxies: Vec::new(),
            export: ExportDefaults::default(),
            admin: AdminConfig::open(admin::DEFAULT_LISTEN),
            threads: Some(1),
            stop: StopConfig::default(),
            report: ReportConfig::default(),
            observe: ObserveConfig::default(),
            probe: ProbeConfig { enabled: Enabled::Always, ..ProbeConfig::default() },
            warnings: Vec::new(),
        }
    }

    /// Lays flags and variables over the file. `env` looks a variable up.
    ///
    /// # Errors
    /// A flag or variable that cannot be used.
    pub fn settle(
        self,
        overrides: Overrides,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Config, Vec<String>), ConfigError> {
        let mut export = self.export;
        if self.proxies.is_empty() {
            // Only proxies make spans.
            export.choice = export.choice.or(Some(ExportChoice::None));
        }
        let (export, odd) = ExportConfig::from_file(overrides.export, env, &export)?;
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
        let mut probe = self.probe;
        if !overrides.targets.is_empty() {
            probe.targets = overrides.targets;
            if probe.enabled == Enabled::Never {
                probe.enabled = Enabled::Auto;
                warnings.push("--target counts more than the file's probe.enabled: false; the probe runs".to_owned());
            }
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
            probe,
        };
        Ok((config, warnings))
    }
}
