//! What the terminal can show: its width, and whether it takes colours. And the way results take to their place.

use std::fs::Permissions;
use std::io::{Error, IsTerminal, Write, stderr, stdout};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Environment;

/// Columns where no terminal says how many it has.
const DEFAULT_WIDTH: usize = crate::report::table::DEFAULT_WIDTH;

/// Columns of the terminal on standard output: `COLUMNS`, else what the terminal says, else 80.
pub(super) fn width(env: Environment<'_>) -> usize {
    if !stdout().is_terminal() {
        return DEFAULT_WIDTH;
    }
    let said = env("COLUMNS").and_then(|columns| columns.parse().ok());
    said.or_else(|| terminal_size::terminal_size_of(stdout()).map(|(columns, _)| usize::from(columns.0)))
        .unwrap_or(DEFAULT_WIDTH)
}

/// Whether standard output takes colours: a terminal that is not dumb, and `NO_COLOR` is not set.
pub(super) fn colours(env: Environment<'_>) -> bool {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    stdout().is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// Whether text on standard output may hold more than ASCII: as the locale says (`locale(7)`: the first that is set).
pub(super) fn unicode(env: Environment<'_>) -> bool {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// A line on standard error that is written over, and only on a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    is_terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: false, is_terminal: stderr().is_terminal() }
    }

    pub(super) fn say(&mut self, text: &str) {
        if self.is_terminal {
            self.shown = true;
            let _ = write!(stderr(), "\r\x1b[K{text}");
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A message for standard error. A closed one is no reason to stop.
pub(super) fn warn(text: &str) {
    let _ = writeln!(stderr(), "warning: {}", crate::report::text::plain(text));
}

/// Writes a result to standard output.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Writes a file whole or not at all: what was there before stays until the new text is on disk.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        // A pipe or a device has no before and after.
        return std::fs::write(path, text);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As for any other new file: the user's mask decides.
    let mut file = tempfile::Builder::new()
        .prefix(".throughline-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn the_locale_says_what_can_be_shown() {
        for (variables, expected, reason) in [
            (&[("LANG", "en_US.UTF-8")][..], true, "usual"),
            (&[("LANG", "C.utf8")], true, "as glibc spells it"),
            (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], false, "the first counts"),
            (&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")], true, "set to nothing is unset"),
            (&[("LANG", "de_DE@euro")], false, "another encoding"),
            (&[], false, "the default is ASCII"),
        ] {
            let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(unicode(&env), expected, "{reason}");
        }
    }

    #[test]
    fn files_are_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_file(&path, "first").unwrap();
        write_file(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing is left beside it");
        assert!(write_file(&folder.path().join("nowhere/report.json"), "x").is_err());
        assert!(write_file(folder.path(), "x").is_err(), "a folder is no file");
        assert!(folder.path().is_dir(), "and stays");
    }
}
