//! Kernels from Debian's packages: downloaded once by `apt-get` with a source list of their suite in a folder of its
//! own, and unpacked beside it. The machine's own package lists and installed packages stay as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::workspace;

/// Where Debian's packages come from, and the key that they are signed with.
const SOURCE: &str = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian";
/// Always the newest kernel of its suite.
const KERNEL: &str = "linux-image-cloud-amd64";
/// The suite whose shell is used in all kernels: it is linked statically, so that any will do.
const SHELL_SUITE: &str = "bookworm";

/// Where packages, kernels and file systems lie.
pub(super) fn folder() -> PathBuf {
    workspace::target_dir().join("kernels")
}

/// The image of a suite's kernel.
///
/// # Errors
/// It could not be downloaded or unpacked.
pub(super) fn kernel(suite: &str) -> anyhow::Result<PathBuf> {
    let apt = Apt { folder: folder().join(suite), suite };
    if let Some(image) = image(&apt.folder.join("unpacked/boot")) {
        return Ok(image);
    }
    println!("fetching the cloud kernel of Debian {suite}");
    apt.update()?;
    // A package without content, which names the one that has the kernel.
    let depends = apt.say("apt-cache", &["depends", "--important", KERNEL])?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    let package = package.with_context(|| format!("{KERNEL} of {suite} names no kernel"))?;
    apt.unpack(&format!("linux-image-{}", package.trim()), "./boot")?;
    image(&apt.folder.join("unpacked/boot")).with_context(|| format!("the package of {suite} holds no kernel"))
}

/// A shell and the small programs of an `init`, in one file without libraries.
///
/// # Errors
/// It could not be downloaded or unpacked.
pub(super) fn busybox() -> anyhow::Result<PathBuf> {
    let apt = Apt { folder: folder().join("shell"), suite: SHELL_SUITE };
    let program = apt.folder.join("unpacked/bin/busybox");
    if !program.exists() {
        apt.update()?;
        apt.unpack("busybox-static", "./bin/busybox")?;
    }
    Ok(program)
}

/// The package tools with lists and settings in a folder of their own.
struct Apt<'a> {
    folder: PathBuf,
    suite: &'a str,
}

impl Apt<'_> {
    fn update(&self) -> anyhow::Result<()> {
        for folder in ["lists/partial", "cache/archives/partial", "unpacked"] {
            std::fs::create_dir_all(self.folder.join(folder))?;
        }
        std::fs::write(self.folder.join("sources.list"), format!("{SOURCE} {} main\n", self.suite))?;
        self.say("apt-get", &["update", "-q"]).map(drop)
    }

    /// Downloads a package and unpacks this part of it. What is unpacked bears its name only once it is whole.
    fn unpack(&self, package: &str, part: &str) -> anyhow::Result<()> {
        self.say("apt-get", &["download", "-q", package])?;
        let files = self.folder.read_dir()?.flatten().map(|entry| entry.path());
        let mut archives = files.filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
        let archive = archives.next().with_context(|| format!("{package} was not downloaded"))?;
        let half = self.folder.join("half");
        let _ = std::fs::remove_dir_all(&half);
        spoken(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&half))?;
        let (from, to) = (half.join(part), self.folder.join("unpacked").join(part));
        std::fs::create_dir_all(to.parent().unwrap_or(&to))?;
        std::fs::rename(&from, &to).with_context(|| format!("{package} has no {part}"))?;
        let _ = std::fs::remove_dir_all(&half);
        let _ = std::fs::remove_file(&archive);
        Ok(())
    }

    fn say(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let own = |name: &str, value: &Path| format!("{name}={}", value.display());
        let settings = [
            // Root's downloads would else be made by a user who may not write here.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Acquire::Retries=3".to_owned(),
            own("Dir::Etc::SourceList", &self.folder.join("sources.list")),
            own("Dir::Etc::SourceParts", Path::new("/dev/null")),
            own("Dir::State::Lists", &self.folder.join("lists")),
            own("Dir::Cache", &self.folder.join("cache")),
        ];
        let mut command = Command::new(program);
        settings.iter().for_each(|setting| _ = command.args(["-o", setting]));
        spoken(command.args(arguments).current_dir(&self.folder))
    }
}

/// The newest image in a folder; a folder has one.
fn image(boot: &Path) -> Option<PathBuf> {
    let files = boot.read_dir().ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))).max()
}

/// What a command says; its last line of complaint where it fails.
pub(super) fn spoken(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?} could not be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    anyhow::ensure!(output.status.success(), "{:?} failed: {last}", command.get_program());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
