//! Mistakes by the table, each with its reason; what a file says; and that reading never panics.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod agreement;
mod mistakes;
mod settings;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{FileConfig, Outside, Problems, read};

/// A machine with these variables and files.
#[derive(Default)]
struct Made {
    variables: HashMap<&'static str, &'static str>,
    files: HashMap<&'static str, &'static str>,
    world_readable: Vec<&'static str>,
    has_targets: bool,
}

impl Outside for Made {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn resolve(&self, name: &str) -> PathBuf {
        name.into()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn is_world_readable(&self, path: &Path) -> io::Result<bool> {
        Ok(self.world_readable.iter().any(|name| Path::new(name) == path))
    }

    fn has_targets(&self) -> bool {
        self.has_targets
    }
}

/// A machine with one of each that the tests below name.
fn machine() -> Made {
    Made {
        variables: HashMap::from([("KEY", "s3cret-key"), ("PORT", "8080"), ("BAD", "s3cret value"), ("EMPTY", "")]),
        files: HashMap::from([
            ("ca.pem", "-----BEGIN CERTIFICATE-----\n"),
            ("key.pem", "-----BEGIN PRIVATE KEY-----\n"),
            ("ranges", "10.0.0.0/8\n192.0.2.1 # the office\n"),
            ("no-ranges", "# none\n"),
            ("text", "nothing of the kind\n"),
            ("token", "0123456789abcdef0123456789abcdef\n"),
            ("open-token", "0123456789abcdef0123456789abcdef\n"),
            ("short-token", "s3cret\n"),
            ("two-tokens", "0123456789abcdef\n0123456789abcdef\n"),
        ]),
        world_readable: vec!["open-token"],
        has_targets: false,
    }
}

/// What `text` says, with a first line and one proxy if it has none.
fn parse(text: &str) -> Result<FileConfig, Problems> {
    read("f", text, &machine())
}

/// A file of one proxy with these further keys, each indented by four, and these further sections.
fn with(proxy: &str, sections: &str) -> String {
    let proxy: String = proxy.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "file_format: \"1\"\nproxies:\n  - listen: 127.0.0.1:8080\n    upstream: http://127.0.0.1:5000\n    service: shop\n\
         {proxy}{sections}\n"
    )
}
