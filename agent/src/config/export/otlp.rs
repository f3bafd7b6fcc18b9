//! The `OTEL_EXPORTER_OTLP_*` variables of one signal.
//!
//! Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter". A signal's own variable wins over the
//! general one, value for value.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::super::ConfigError;
use super::variables::{Lookup, Setting};
use super::{ExportDefaults, OtlpConfig, OtlpProtocol, Secret, Warning, pairs};

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Signal {
    /// The path that is appended to a general endpoint.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
        }
    }

    /// The signal's own spelling of a variable, then the general one.
    fn find(self, env: Lookup<'_>, name: &str) -> Option<Setting> {
        let signal = match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        };
        let names = [format!("OTEL_EXPORTER_OTLP_{signal}_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
        Setting::find(env, &names.each_ref().map(String::as_str))
    }
}

/// The endpoint of `signal` and all that goes with it.
pub(super) fn read(
    env: Lookup<'_>,
    file: &ExportDefaults,
    signal: Signal,
    warnings: &mut Vec<Warning>,
) -> Result<OtlpConfig, ConfigError> {
    let protocol = signal.find(env, "PROTOCOL").map(|setting| protocol(&setting)).transpose()?;
    let protocol = protocol.or(file.protocol).unwrap_or(OtlpProtocol::HttpProtobuf);
    let endpoint = match (signal.find(env, "ENDPOINT"), protocol) {
        (Some(setting), OtlpProtocol::HttpProtobuf) => http_endpoint(&setting, signal, warnings)?,
        (Some(setting), OtlpProtocol::Grpc) => {
            let insecure = signal.find(env, "INSECURE").map(|setting| setting.switch()).transpose()?;
            grpc_endpoint(&setting, insecure.unwrap_or(false), warnings)?
        }
        (None, protocol) => match (&file.endpoint, &file.traces_endpoint) {
            (_, Some(whole)) if signal == Signal::Traces => whole.clone(),
            (Some(base), _) if protocol == OtlpProtocol::HttpProtobuf => with_path(base.clone(), signal),
            (Some(base), _) => base.clone(),
            (None, _) => default_endpoint(protocol, signal, warnings)?,
        },
    };
    let timeout = signal.find(env, "TIMEOUT").map(|setting| setting.milliseconds()).transpose()?;
    let gzip = signal.find(env, "COMPRESSION").map(|setting| gzip(&setting)).transpose()?;
    let headers = signal.find(env, "HEADERS").map(|setting| headers(&setting)).transpose()?;
    let identity = identity(signal.find(env, "CLIENT_CERTIFICATE"), signal.find(env, "CLIENT_KEY"))?;
    Ok(OtlpConfig {
        protocol,
        endpoint,
        headers: headers.unwrap_or_else(|| file.headers.clone()),
        timeout: timeout.or(file.timeout).unwrap_or(DEFAULT_TIMEOUT),
        gzip: gzip.or(file.gzip).unwrap_or(false),
        certificate: pem(signal.find(env, "CERTIFICATE"))?.or_else(|| file.certificate.clone()),
        client_identity: identity.or_else(|| file.client_identity.clone()),
    })
}

fn protocol(setting: &Setting) -> Result<OtlpProtocol, ConfigError> {
    match setting.value.as_str() {
        "http/protobuf" => Ok(OtlpProtocol::HttpProtobuf),
        "grpc" => Ok(OtlpProtocol::Grpc),
        "http/json" => {
            Err(setting.error("is not supported", "use http/protobuf, which every OTLP/HTTP endpoint takes"))
        }
        _ => Err(setting.error("is no OTLP protocol", "use http/protobuf or grpc")),
    }
}

fn gzip(setting: &Setting) -> Result<bool, ConfigError> {
    match setting.value.as_str() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err(setting.error("is no supported compression", "use gzip or none")),
    }
}

fn http_endpoint(setting: &Setting, signal: Signal, warnings: &mut Vec<Warning>) -> Result<Url, ConfigError> {
    let url = parse(setting, &setting.value)?;
    if setting.name != "OTEL_EXPORTER_OTLP_ENDPOINT" {
        return Ok(url);
    }
    if url.path().trim_end_matches('/').ends_with(signal.path()) {
        warnings.push(Warning(format!(
            "{}: /{} is appended to this value, which ends with it already; name the whole URL in \
             OTEL_EXPORTER_OTLP_TRACES_ENDPOINT instead, or leave the path out",
            setting.name,
            signal.path()
        )));
    }
    Ok(with_path(url, signal))
}

/// A general endpoint as the endpoint of one signal.
fn with_path(mut url: Url, signal: Signal) -> Url {
    let path = format!("{}/{}", url.path().trim_end_matches('/'), signal.path());
    url.set_path(&path);
    url
}

/// Without a scheme, `OTEL_EXPORTER_OTLP_INSECURE` decides between clear text and TLS, which is the default.
fn grpc_endpoint(setting: &Setting, insecure: bool, warnings: &mut Vec<Warning>) -> Result<Url, ConfigError> {
    let scheme = if insecure { "http" } else { "https" };
    let url = if setting.value.contains("://") {
        parse(setting, &setting.value)?
    } else {
        parse(setting, &format!("{scheme}://{}", setting.value))?
    };
    if !matches!(url.path(), "" | "/") {
        warnings.push(Warning(format!("{}: gRPC has no path, so {:?} is ignored", setting.name, url.path())));
    }
    Ok(url)
}

fn default_endpoint(protocol: OtlpProtocol, signal: Signal, warnings: &mut Vec<Warning>) -> Result<Url, ConfigError> {
    let value = match protocol {
        OtlpProtocol::HttpProtobuf => format!("http://localhost:4318/{}", signal.path()),
        OtlpProtocol::Grpc => "http://localhost:4317".to_owned(),
    };
    // Traces have warned already where both go to the default.
    if signal == Signal::Traces {
        warnings.push(Warning(format!(
            "OTEL_EXPORTER_OTLP_ENDPOINT is not set: spans go to {value}; set it, or use --export none"
        )));
    }
    parse(&Setting { name: "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), value: value.clone() }, &value)
}

/// The URL is not shown: it may hold credentials.
fn parse(setting: &Setting, text: &str) -> Result<Url, ConfigError> {
    let error = |problem: String| ConfigError {
        setting: setting.name.clone(),
        problem,
        remedy: "write a URL such as https://collector.example:4318".to_owned(),
    };
    let shown = if text.contains('@') { "the value (not shown: it may hold a password)" } else { text };
    let url = Url::parse(text).map_err(|reason| error(format!("{shown:?} is not a URL ({reason})")))?;
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(host)) if !host.is_empty() => Ok(url),
        _ => Err(error(format!("{shown:?} does not begin with http:// or https:// and a host"))),
    }
}

fn headers(setting: &Setting) -> Result<Vec<(String, Secret)>, ConfigError> {
    let error = |problem: String| ConfigError {
        setting: setting.name.clone(),
        problem: format!("{problem} (values are not shown)"),
        remedy: "write name=value,name2=value2 with special characters percent-encoded".to_owned(),
    };
    let pairs = pairs::parse(&setting.value).map_err(error)?;
    for (index, (name, value)) in pairs.iter().enumerate() {
        let place = index + 1;
        if http::HeaderName::try_from(name).is_err() {
            return Err(error(format!("the name of header {place} has characters that no header name may have")));
        }
        if http::HeaderValue::try_from(value).is_err() {
            return Err(error(format!("the value of header {place} has characters that no header may have")));
        }
    }
    Ok(pairs.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

fn identity(certificate: Option<Setting>, key: Option<Setting>) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    let lonely = |setting: Setting, other: &str| {
        setting.error("is set without its counterpart", format!("set OTEL_EXPORTER_OTLP_{other} too"))
    };
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), None) => Err(lonely(certificate, "CLIENT_KEY")),
        (None, Some(key)) => Err(lonely(key, "CLIENT_CERTIFICATE")),
        (certificate, key) => Ok(pem(certificate)?.zip(pem(key)?)),
    }
}

/// A file that can be read and holds PEM.
fn pem(setting: Option<Setting>) -> Result<Option<PathBuf>, ConfigError> {
    let Some(setting) = setting else { return Ok(None) };
    let path = PathBuf::from(&setting.value);
    let text = std::fs::read(&path)
        .map_err(|reason| setting.error(&format!("cannot be read ({reason})"), "name a PEM file that exists"))?;
    if !String::from_utf8_lossy(&text).contains("-----BEGIN ") {
        return Err(setting.error("is not a PEM file", "name a file with -----BEGIN lines"));
    }
    Ok(Some(path))
}
