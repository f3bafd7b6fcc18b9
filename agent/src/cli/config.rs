//! `throughline config`: makes, checks and shows configuration files.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::Environment;
use super::agent::settings;
use super::arguments::{ConfigAction, FileArguments};
use super::failure::Failure;
use crate::config::Config;
use crate::config::export::ExportTarget;
use crate::config::file::{EXAMPLE, json_schema, show};
use crate::config::probe::Enabled;

/// Runs one action.
pub(super) fn run(action: &ConfigAction, env: Environment<'_>) -> Result<ExitCode, Failure> {
    match action {
        ConfigAction::Init { output: None } => print(EXAMPLE),
        ConfigAction::Init { output: Some(path) } => write_new(path),
        ConfigAction::Validate(arguments) => validate(arguments, env),
        ConfigAction::Show(arguments) => show_effective(arguments, env),
        ConfigAction::Schema => print(&format!("{:#}\n", json_schema())),
    }
}

fn write_new(path: &Path) -> Result<ExitCode, Failure> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{} exists, and is left as it is; choose another name", path.display()))
        }
        _ => Failure::Usage(format!("{}: {error}; choose another folder", path.display())),
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(refused)?;
    file.write_all(EXAMPLE.as_bytes()).map_err(refused)?;
    Ok(ExitCode::SUCCESS)
}

fn validate(arguments: &FileArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let (config, warnings) = settings(Some(&arguments.file), &arguments.overrides, env)?;
    warn(&warnings);
    print(&summary(&arguments.file, &config))
}

fn show_effective(arguments: &FileArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let (config, warnings) = settings(Some(&arguments.file), &arguments.overrides, env)?;
    warn(&warnings);
    let mut text = String::new();
    for name in overriding(arguments, env) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# {name} counts more than the file");
    }
    print(&(text + &show(&config).map_err(Failure::Usage)?))
}

/// The flags and variables that are set and honoured.
fn overriding(arguments: &FileArguments, env: Environment<'_>) -> Vec<String> {
    let flags = [
        ("--export", arguments.overrides.export.is_some()),
        ("--admin", arguments.overrides.admin.is_some()),
        ("--threads", arguments.overrides.threads.is_some()),
        ("--target", !arguments.overrides.target.is_empty()),
    ];
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(name, _)| format!("{name}, or its variable,"));
    let set = |name: &&str| env(name).is_some_and(|value| !value.trim().is_empty());
    let signal =
        |name: &'static str| [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
    let otlp = OTLP_VARIABLES.iter().flat_map(|name| signal(name)).filter(|name| set(&name.as_str()));
    let others = OTEL_VARIABLES.iter().filter(|name| set(name)).map(|name| (*name).to_owned());
    flags.chain(otlp).chain(others).collect()
}

const OTLP_VARIABLES: &[&str] = &[
    "ENDPOINT",
    "PROTOCOL",
    "HEADERS",
    "TIMEOUT",
    "COMPRESSION",
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
    "INSECURE",
];
const OTEL_VARIABLES: &[&str] = &[
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_PROPAGATORS",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
];

/// What an agent of this configuration would do.
fn summary(path: &Path, config: &Config) -> String {
    let mut text = format!("{} is in order. throughline agent would:\n", path.display());
    // Writing to a String cannot fail.
    for proxy in &config.proxies {
        let _ = writeln!(text, "  listen on {} before {} as {:?}", proxy.listen, proxy.upstream, proxy.service);
        if let Some(egress) = &proxy.egress {
            let _ = writeln!(text, "  listen on {} for the calls of {:?}", egress.listen, proxy.service);
        }
    }
    if config.probe.is_wanted() {
        let targets: Vec<String> = config.probe.targets.iter().map(ToString::to_string).collect();
        let otherwise = match config.probe.enabled {
            Enabled::Always => "or not start",
            Enabled::Auto | Enabled::Never => "where this machine allows it",
        };
        let _ = writeln!(text, "  watch {} with the kernel probe, {otherwise}", targets.join(", "));
    }
    let _ = match &config.export.target {
        ExportTarget::Otlp(otlp) => {
            let host = otlp.endpoint.host_str().unwrap_or_default();
            let port = otlp.endpoint.port_or_known_default().unwrap_or_default();
            writeln!(text, "  send spans to {}://{host}:{port}{}", otlp.endpoint.scheme(), otlp.endpoint.path())
        }
        ExportTarget::Print => writeln!(text, "  print spans as JSON lines"),
        ExportTarget::None => writeln!(text, "  send no spans"),
    };
    if let Some(admin) = &config.admin {
        let guard = if admin.token.is_some() { "to those who have the token" } else { "to this machine" };
        let _ = writeln!(text, "  serve health and metrics on {} {guard}", admin.listen);
    }
    text
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::output)?;
    Ok(ExitCode::SUCCESS)
}
