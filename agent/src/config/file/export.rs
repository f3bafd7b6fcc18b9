//! The section `export`: where spans go.

use std::path::PathBuf;
use std::time::Duration;

use super::named_files::pem;
use super::section::{Reader, Scalar, Section};
use super::words::Compression;
use crate::config::export::{ExportDefaults, QueueConfig, Secret};
use crate::config::values;
use crate::trace::record::MAX_ATTEMPTS;

/// One request may have a span of its own and one for each attempt.
const SMALLEST_QUEUE: u64 = 1 + MAX_ATTEMPTS as u64;
const LARGEST_QUEUE: u64 = 1_000_000;

pub(super) fn read(reader: &mut Reader<'_>, mut section: Section) -> ExportDefaults {
    let mut export = ExportDefaults {
        choice: reader.choice(&mut section, "to"),
        protocol: reader.choice(&mut section, "protocol"),
        endpoint: endpoint(reader, &mut section, "endpoint"),
        traces_endpoint: endpoint(reader, &mut section, "traces_endpoint"),
        headers: headers(reader, &mut section),
        timeout: reader.value(&mut section, "timeout", values::timeout),
        gzip: reader.choice::<Compression>(&mut section, "compression").map(|chosen| chosen == Compression::Gzip),
        certificate: pem(reader, &mut section, "certificate"),
        client_identity: identity(reader, &mut section),
        resource: resource(reader, &mut section),
        ..ExportDefaults::default()
    };
    if let Some(queue) = section.take("queue").and_then(|entry| reader.section(entry)) {
        read_queue(reader, queue, &mut export);
    }
    section.finish(reader);
    export
}

fn read_queue(reader: &mut Reader<'_>, mut section: Section, export: &mut ExportDefaults) {
    let batch_at = section.place_of("max_batch");
    let size = reader.number(&mut section, "max_size", SMALLEST_QUEUE..=LARGEST_QUEUE);
    let batch = reader.number(&mut section, "max_batch", 1..=LARGEST_QUEUE);
    let places = size.unwrap_or(QueueConfig::default().capacity as u64);
    if let Some(batch) = batch.filter(|batch| *batch > places) {
        let problem = format!("{batch} is more than the queue holds ({places})");
        reader.problem(batch_at, &section.path_of("max_batch"), problem, "lower it, or raise max_size");
    }
    export.capacity = size.and_then(|size| usize::try_from(size).ok());
    export.batch = batch.and_then(|batch| usize::try_from(batch).ok());
    export.delay = reader.value(&mut section, "delay", positive);
    export.batch_timeout = reader.value(&mut section, "timeout", positive);
    section.finish(reader);
}

/// The base URL. What it holds before an `@` may be a password, and is not shown.
fn endpoint(reader: &mut Reader<'_>, section: &mut Section, key: &'static str) -> Option<url::Url> {
    let entry = section.take(key)?;
    let mut scalar = reader.scalar(entry)?;
    if scalar.text.contains('@') {
        "(not shown: it may hold a password)".clone_into(&mut scalar.shown);
    }
    const EXPECTED: &str = "write a URL such as https://collector.example:4318";
    let url = url::Url::parse(&scalar.text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()));
    let Some(url) = url else {
        reader.refuse(&scalar, EXPECTED);
        return None;
    };
    if key == "endpoint" && url.path().trim_end_matches('/').ends_with("v1/traces") {
        reader.refuse(&scalar, "leave the path /v1/traces out, which is appended, or write it as traces_endpoint");
        return None;
    }
    Some(url)
}

/// Names and values; a value is never shown.
fn headers(reader: &mut Reader<'_>, section: &mut Section) -> Vec<(String, Secret)> {
    let Some(headers) = section.take("headers").and_then(|entry| reader.section(entry)) else { return Vec::new() };
    let mut read = Vec::new();
    for (name, entry) in headers.rest() {
        let Some(mut scalar) = reader.scalar(entry) else { continue };
        "(not shown)".clone_into(&mut scalar.shown);
        if http::HeaderName::try_from(&name).is_err() {
            reader.problem(scalar.at, &scalar.path, "this is no header name", "write letters, digits and dashes");
        } else if http::HeaderValue::try_from(&scalar.text).is_err() {
            reader.refuse(&scalar, "leave out characters that no header may have, such as line feeds");
        } else {
            read.push((name, Secret::new(scalar.text)));
        }
    }
    read
}

fn resource(reader: &mut Reader<'_>, section: &mut Section) -> Vec<(String, String)> {
    let Some(attributes) = section.take("resource").and_then(|entry| reader.section(entry)) else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, entry) in attributes.rest() {
        let Some(Scalar { at, path, text, .. }) = reader.scalar(entry) else { continue };
        if name.is_empty() {
            reader.problem(at, &path, "an attribute without a name", "write name: value");
        } else if name == "service.name" {
            reader.problem(at, &path, "each proxy names its own service", "write it as proxies[].service");
        } else {
            read.push((name, text));
        }
    }
    read
}

fn identity(reader: &mut Reader<'_>, section: &mut Section) -> Option<(PathBuf, PathBuf)> {
    let (has_certificate, has_key) = (section.has("client_certificate"), section.has("client_key"));
    let at = if has_certificate { section.place_of("client_certificate") } else { section.place_of("client_key") };
    if has_certificate != has_key {
        let (set, other) =
            if has_certificate { ("client_certificate", "client_key") } else { ("client_key", "client_certificate") };
        reader.problem(at, &section.path_of(set), "is set without its counterpart", format!("set {other} too"));
    }
    let certificate = pem(reader, section, "client_certificate");
    certificate.zip(pem(reader, section, "client_key"))
}

fn positive(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        Duration::ZERO => Err("write more than zero".to_owned()),
        duration => Ok(duration),
    }
}
