//! The files the rules look at: what people write, as text.

use std::path::Path;

use anyhow::Context as _;

use crate::kernel_object::OBJECT;

/// Built, fetched or generated: not written by people.
const NOT_OURS: &[&str] = &[".git", "target", "corpus", "artifacts", "node_modules", "__pycache__", ".venv"];

/// Endings of files that people write. Others (pictures, lock files, the licence) are only known to exist.
const WRITTEN: &[&str] = &[
    ".rs",
    ".toml",
    ".md",
    ".yml",
    ".yaml",
    ".py",
    ".js",
    ".sh",
    ".service",
    ".txt",
    "Containerfile",
    ".ci/run",
    ".gitignore",
    // What the kernel object is built from.
    "agent-ebpf/Cargo.lock",
];

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// From the top of the tree, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
    /// Every path, those of files without text and of folders included.
    paths: Vec<String>,
    /// The kernel object, where there is one.
    object: Option<Vec<u8>>,
}

impl Tree {
    /// Reads the tree under `root`.
    ///
    /// # Errors
    /// A folder or a file cannot be read, or a file of words is not UTF-8.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree of these files.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files: Vec<File> =
            files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
        Self { paths: files.iter().map(|file| file.path.clone()).collect(), files, object: None }
    }

    /// The same tree with this kernel object.
    #[cfg(test)]
    pub(super) fn with_object(mut self, object: Vec<u8>) -> Self {
        self.object = Some(object);
        self
    }

    /// Every file with text, sorted by path.
    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    /// Every file with text: its path and its bytes.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|file| (file.path.as_str(), file.text.as_bytes()))
    }

    /// The kernel object's bytes.
    pub(super) fn object(&self) -> Option<&[u8]> {
        self.object.as_deref()
    }

    /// The file of exactly this path.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is a file or folder of exactly this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|known| known == path)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        for entry in folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            let path = format!("{prefix}{name}");
            self.paths.push(path.clone());
            if entry.file_type()?.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if path == OBJECT {
                self.object = Some(std::fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?);
            } else if WRITTEN.iter().any(|ending| path.ends_with(ending)) {
                let text = std::fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
                self.files.push(File { path, text });
            }
        }
        Ok(())
    }
}
