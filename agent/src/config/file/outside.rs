//! What reading a configuration file may look at beside its text: variables, and files that it names.

use std::io;
use std::path::{Path, PathBuf};

/// The way out of the file. A value, so that tests and fuzzers read nothing of the machine.
pub trait Outside {
    /// Looks an environment variable up.
    fn variable(&self, name: &str) -> Option<String>;

    /// Where a file lies that the configuration calls `name`: relative to the configuration's own folder.
    fn resolve(&self, name: &str) -> PathBuf;

    /// Reads a file.
    ///
    /// # Errors
    /// Those of the system; a file that is no file, too long or not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Whether other users than its owner and group can read a file.
    ///
    /// # Errors
    /// Those of the system.
    fn is_world_readable(&self, path: &Path) -> io::Result<bool>;

    /// Whether flags name targets of the probe, so that the file needs none, and no proxy.
    fn has_targets(&self) -> bool;
}

/// This machine.
pub struct Machine<'a> {
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The folder the configuration file lies in.
    pub folder: PathBuf,
    /// Whether flags name targets of the probe.
    pub has_targets: bool,
}

/// No list of ranges, certificate or configuration is longer, and `/dev/zero` has no end.
const LONGEST: u64 = 4 << 20;

impl Machine<'_> {
    /// The text of a file of bounded length.
    ///
    /// # Errors
    /// See [`Outside::read`].
    pub fn text(path: &Path) -> io::Result<String> {
        use io::Read as _;

        let file = std::fs::File::open(path)?;
        // A named pipe, as shells make for <(..), has no length but an end.
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder"));
        }
        let mut text = String::new();
        file.take(LONGEST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 4 MiB"));
        }
        Ok(text)
    }
}

impl Outside for Machine<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    fn resolve(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        Self::text(path)
    }

    fn is_world_readable(&self, path: &Path) -> io::Result<bool> {
        use std::os::unix::fs::PermissionsExt as _;

        Ok(std::fs::metadata(path)?.permissions().mode() & 0o004 != 0)
    }

    fn has_targets(&self) -> bool {
        self.has_targets
    }
}
