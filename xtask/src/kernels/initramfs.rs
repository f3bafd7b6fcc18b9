//! The file system that a kernel starts with: a shell, the job, its programs with the libraries they are linked to, and
//! an `init` that runs the job and switches off. Written as an uncompressed `newc` archive (`initramfs` buffer format
//! in the kernel's documentation).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::Job;
use super::packages::spoken;

/// What the last line of a job begins with; its exit code follows.
pub(super) const ENDED: &str = "the job ended with ";

/// Programs of this machine that are taken along where they are there: what starts others with few capabilities.
const TAKEN_ALONG: &[&str] = &["/usr/bin/setpriv"];
/// Needed by programs that look up names or users, and by no linker's list.
const LOADED_LATER: &[&str] = &["/lib/x86_64-linux-gnu/libnss_files.so.2"];

const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /usr/bin /usr/sbin /sbin
/bin/busybox --install -s /bin
export PATH=/usr/bin:/usr/sbin:/sbin:/bin HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
chmod 1777 /tmp
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo 1 > /proc/sys/kernel/printk
ip link set lo up
ulimit -n 65536
ulimit -l unlimited
. /job
echo "
the job ended with $?"
poweroff -f
"#;

/// The archive for a job.
///
/// # Errors
/// A program is missing, or its libraries cannot be told.
pub(super) fn packed(job: &Job, busybox: &Path) -> anyhow::Result<Vec<u8>> {
    let (program, arguments) = job.words.split_first().context("a job has at least a program")?;
    let program = std::path::absolute(program)?;
    let mut archive = Archive::default();
    archive.file(Path::new("/bin/busybox"), &std::fs::read(busybox)?, true);
    archive.file(Path::new("/init"), INIT.as_bytes(), true);
    archive.file(Path::new("/etc/passwd"), b"root:x:0:0::/tmp:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n", false);
    archive.file(Path::new("/etc/group"), b"root:x:0:\nnogroup:x:65534:\n", false);
    archive.file(Path::new("/etc/hosts"), b"127.0.0.1 localhost\n::1 localhost\n", false);
    let taken = TAKEN_ALONG.iter().map(PathBuf::from).filter(|file| file.exists());
    let programs: Vec<PathBuf> =
        std::iter::once(program.clone()).chain(job.programs.iter().cloned()).chain(taken).collect();
    let later = LOADED_LATER.iter().map(PathBuf::from).filter(|file| file.exists());
    let libraries: Vec<PathBuf> = programs.iter().flat_map(|program| libraries(program)).chain(later).collect();
    for file in programs.iter().chain(&libraries) {
        archive.program(file)?;
    }
    let mut script = String::new();
    for (name, value) in &job.variables {
        script += &format!("export {name}={}\n", quoted(value));
    }
    script += &quoted(&program.display().to_string());
    arguments.iter().for_each(|argument| script += &format!(" {}", quoted(argument)));
    archive.file(Path::new("/job"), format!("{script}\n").as_bytes(), false);
    Ok(archive.end())
}

/// The shared libraries of a program, its loader included; none of a script or a static one.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let said = spoken(Command::new("ldd").arg(program)).unwrap_or_default();
    said.split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .filter(|file| file.is_file())
        .collect()
}

/// As one word of a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// An archive in the making.
#[derive(Debug, Default)]
struct Archive {
    /// What is in it already, by its name there.
    names: BTreeMap<String, ()>,
    bytes: Vec<u8>,
}

impl Archive {
    /// A program or library of this machine under the path it has here, without what only debuggers read.
    fn program(&mut self, file: &Path) -> anyhow::Result<()> {
        if self.names.contains_key(&name(file)) {
            return Ok(());
        }
        let bare = std::env::temp_dir().join(format!("throughline-stripped-{}", std::process::id()));
        let strip = Command::new("strip").arg("-o").arg(&bare).arg(file).output();
        let source = if strip.is_ok_and(|output| output.status.success()) { &bare } else { file };
        let bytes = std::fs::read(source).with_context(|| format!("{} cannot be read", file.display()))?;
        let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
        let _ = std::fs::remove_file(&bare);
        self.file(file, &bytes, executable);
        Ok(())
    }

    fn file(&mut self, path: &Path, bytes: &[u8], executable: bool) {
        if let Some(parent) = path.parent() {
            self.folder(parent);
        }
        self.entry(&name(path), if executable { 0o100_755 } else { 0o100_644 }, bytes);
    }

    fn folder(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.folder(parent);
            self.entry(&name(path), 0o40_755, &[]);
        }
    }

    /// Fields of `newc`: eight hexadecimal digits each; names and contents are filled up to four bytes.
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        if self.names.insert(name.to_owned(), ()).is_some() {
            return;
        }
        let (number, links) = (self.names.len(), if mode & 0o40_000 == 0 { 1 } else { 2 });
        let (size, length) = (content.len(), name.len() + 1);
        let fields = [number, mode as usize, 0, 0, links, 0, size, 0, 0, 0, 0, length, 0];
        self.bytes.extend_from_slice(b"070701");
        fields.iter().for_each(|field| self.bytes.extend_from_slice(format!("{field:08x}").as_bytes()));
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.fill();
        self.bytes.extend_from_slice(content);
        self.fill();
    }

    fn fill(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

/// Names in an archive are relative.
fn name(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_each_folder_once_before_its_files_and_an_end() {
        let mut archive = Archive::default();
        archive.file(Path::new("/usr/bin/a"), b"12345", true);
        archive.file(Path::new("/usr/bin/b"), b"", false);
        let bytes = archive.end();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let names = ["\0usr\0", "usr/bin\0", "usr/bin/a\0", "usr/bin/b\0", "TRAILER!!!\0"];
        let places: Vec<_> = names.iter().map(|name| text.find(name.trim_start_matches('\0'))).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?} in {text:?}");
        assert_eq!(text.matches("070701").count(), 5, "two folders, two files and the end");
        assert_eq!(bytes.len() % 4, 0);
        assert!(text.starts_with("07070100000001000041ed"), "a folder that all may enter: {text:?}");
    }

    #[test]
    fn a_word_reaches_the_shell_as_it_is() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
