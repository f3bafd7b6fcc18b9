//! The sections that concern the process rather than one proxy: `admin`, `stop`, `report`, `observe`, `threads`, and the
//! word that is kept for what is not built yet.

use std::path::PathBuf;

use super::named_files;
use super::problem::Place;
use super::section::{Entry, Reader, Scalar, Section};
use crate::config::admin::{self, AdminConfig, Token};
use crate::config::{ReportConfig, StopConfig, values};
use crate::report::question::Suppression;

pub(super) const THREADS: std::ops::RangeInclusive<u64> = 1..=1024;
const OBSERVATIONS: std::ops::RangeInclusive<u64> = 1_048_576..=17_179_869_184;
/// A longer glob names nothing.
const LONGEST_GLOB: usize = 255;

pub(super) fn admin(reader: &mut Reader<'_>, mut section: Section) -> (AdminConfig, Place) {
    let at = section.place_of("listen");
    let listen = reader.value(&mut section, "listen", values::listen).unwrap_or(admin::DEFAULT_LISTEN);
    let had_token_file = section.has("token_file");
    let read = AdminConfig { listen, token: token(reader, &mut section) };
    if !had_token_file && let Err(error) = read.check("") {
        let remedy = "choose a loopback address, for example 127.0.0.1:9464, or name a token_file";
        reader.problem(at, &section.path_of("listen"), error.problem, remedy);
    }
    section.finish(reader);
    (read, at)
}

fn token(reader: &mut Reader<'_>, section: &mut Section) -> Option<Token> {
    let entry = section.take("token_file")?;
    let scalar = reader.scalar(entry)?;
    let (path, text) = named_files::text(reader, &scalar, &scalar.text)?;
    if reader.outside.is_world_readable(&path).unwrap_or(true) {
        let Scalar { at, path, shown, .. } = &scalar;
        reader.problem(*at, path, format!("{shown:?} can be read by every user of this machine"), "chmod o-r it");
        return None;
    }
    match admin::token(&text) {
        Ok(secret) => Some(Token { file: path, secret }),
        Err(problem) => {
            let Scalar { at, path, shown, .. } = &scalar;
            reader.problem(
                *at,
                path,
                format!("{shown:?} {problem}"),
                "write one line, for example from: openssl rand -hex 32",
            );
            None
        }
    }
}

pub(super) fn stop(reader: &mut Reader<'_>, mut section: Section) -> StopConfig {
    let default = StopConfig::default();
    let mut time = |key, default| reader.value(&mut section, key, values::duration).unwrap_or(default);
    let read = StopConfig {
        delay: time("delay", default.delay),
        drain: time("drain", default.drain),
        flush: time("flush", default.flush),
    };
    section.finish(reader);
    read
}

/// The second part is how many bytes of observations are kept.
pub(super) fn report(reader: &mut Reader<'_>, mut section: Section) -> (ReportConfig, Option<usize>) {
    let report = ReportConfig {
        suppress: reader.values(&mut section, "suppress", |reader, scalar| reader.parsed(scalar, Suppression::parse)),
        scope: reader.values(&mut section, "scope", |reader, scalar| reader.parsed(scalar, glob)),
    };
    let mut bytes = None;
    if let Some(mut kept) = section.take("observations").and_then(|entry| reader.section(entry)) {
        bytes = reader.number(&mut kept, "max_bytes", OBSERVATIONS);
        kept.finish(reader);
    }
    section.finish(reader);
    (report, bytes.and_then(|bytes| usize::try_from(bytes).ok()))
}

fn glob(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > LONGEST_GLOB || text.chars().any(char::is_control) {
        return Err(format!("write a name or a glob such as *.internal, of 1 to {LONGEST_GLOB} bytes"));
    }
    Ok(text.to_owned())
}

pub(super) fn observe(reader: &mut Reader<'_>, mut section: Section) -> Option<PathBuf> {
    let file = section.take("file").and_then(|entry| reader.scalar(entry));
    let path = file.map(|scalar| reader.outside.resolve(&scalar.text));
    section.finish(reader);
    path
}

/// `store` is a word that is kept, and can do nothing yet.
pub(super) fn store(reader: &mut Reader<'_>, entry: &Entry) {
    let remedy = "leave the section out; observe.file records to a file";
    reader.problem(entry.at, &entry.path, "keeping evidence on disk is not built yet", remedy);
}
