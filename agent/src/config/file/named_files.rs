//! Files that the configuration names: certificates, keys, lists of ranges.

use std::path::PathBuf;

use ipnet::IpNet;

use super::section::{Reader, Scalar, Section};
use crate::config::values;

/// The path of a file of PEM certificates or keys that can be read.
pub(super) fn pem(reader: &mut Reader<'_>, section: &mut Section, key: &'static str) -> Option<PathBuf> {
    let entry = section.take(key)?;
    let scalar = reader.scalar(entry)?;
    let (path, text) = text(reader, &scalar, &scalar.text)?;
    if !text.contains("-----BEGIN ") {
        reader.refuse(&scalar, "name a PEM file, which has -----BEGIN lines");
        return None;
    }
    Some(path)
}

/// Address ranges: one, or the name of a file that lists them behind an `@`.
pub(super) fn networks(reader: &mut Reader<'_>, section: &mut Section, key: &'static str) -> Vec<IpNet> {
    let lists = reader.values(section, key, |reader, scalar| match scalar.text.strip_prefix('@') {
        None => reader.parsed(scalar, |text| values::network(text).map(|network| vec![network])),
        Some(name) => {
            let (_, list) = text(reader, scalar, name)?;
            reader.parsed(scalar, |_| values::listed_networks(&list).map_err(|problem| format!("the file {problem}")))
        }
    });
    lists.concat()
}

/// Path and text of the file `name`.
pub(super) fn text(reader: &mut Reader<'_>, scalar: &Scalar, name: &str) -> Option<(PathBuf, String)> {
    let path = reader.outside.resolve(name);
    match reader.outside.read(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            let remedy = "check the path, which is relative to the folder of this file, and who may read it";
            reader.problem(scalar.at, &scalar.path, format!("{:?} cannot be read: {error}", scalar.shown), remedy);
            None
        }
    }
}
