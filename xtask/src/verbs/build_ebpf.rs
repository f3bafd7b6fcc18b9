//! `cargo xtask build-ebpf`: the kernel programs, from their sources to the object in the tree. The agent's own build
//! needs none of this: it takes the object that is there.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::failure::Failure;
use crate::kernel_object::{BUILT_FROM, OBJECT, built_from, is_source};
use crate::prerequisites::{self, KERNEL_OBJECT};
use crate::{tidy, workspace};

/// The linker for kernel programs, and the version it is installed in.
const LINKER: &str = "bpf-linker";
const LINKER_VERSION: &str = "0.13.0";
/// The LLVM that the compiler's is compatible with.
const LLVM: &str = "/usr/lib/llvm-22";

/// Where the compiler lies whose library has its sources: before others on the PATH.
const TOOLS: &str = "/usr/bin";

const FLAGS: &[&str] = &[
    // Arguments of system calls are found by offsets the agent hands over: one object serves all architectures.
    "--cfg=bpf_target_arch=\"x86_64\"",
    // Linux 5.10 refuses loops whose last instruction falls through to the first; block placement makes such.
    "-Clink-arg=--llvm-args=--disable-block-placement",
];

/// Builds the object and puts it into the tree; with `--check` compares it with the one that is there instead.
///
/// # Errors
/// Something is missing, the build failed, or the object in the tree is another one.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        _ => return Err(Failure::usage("build-ebpf takes nothing but --check".to_owned()).into()),
    };
    prerequisites::ensure(KERNEL_OBJECT)?;
    install_linker()?;
    let object = build()?;
    let root = workspace::root();
    if check {
        let there = std::fs::read(root.join(OBJECT)).with_context(|| format!("cannot read {OBJECT}"))?;
        anyhow::ensure!(there == object, "{OBJECT} is not what its sources make; run: cargo xtask build-ebpf");
        println!("{OBJECT} is what its sources make");
        return Ok(ExitCode::SUCCESS);
    }
    let tree = tidy::Tree::read(&root)?;
    let sources: Vec<(&str, &[u8])> = tree.texts().filter(|(path, _)| is_source(path)).collect();
    write(&root.join(OBJECT), &object)?;
    write(&root.join(BUILT_FROM), built_from(&sources, &object).as_bytes())?;
    println!("{OBJECT}: {} bytes", object.len());
    Ok(ExitCode::SUCCESS)
}

fn install_linker() -> anyhow::Result<()> {
    if prerequisites::has_program(LINKER) {
        return Ok(());
    }
    eprintln!("installing {LINKER} {LINKER_VERSION} with cargo; it takes about a minute");
    let status = workspace::cargo(&["install", LINKER, "--version", LINKER_VERSION, "--locked"])
        .args(["--no-default-features", "--features", "llvm-22"])
        .env("LLVM_PREFIX", LLVM)
        .status()
        .context("cargo could not be started")?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::missing(format!("{LINKER} could not be installed; its messages are above")).into())
}

fn build() -> anyhow::Result<Vec<u8>> {
    let folder = workspace::root().join("agent-ebpf");
    let target = workspace::target_dir().join("ebpf");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::home_dir().map(|home| home.join(".cargo/bin"));
    let folders = std::iter::once(TOOLS.into()).chain(std::env::split_paths(&path)).chain(installed);
    let status = Command::new(Path::new(TOOLS).join("cargo"))
        .current_dir(&folder)
        .args(["build", "--quiet", "--release", "--locked", "-Zbuild-std=core", "--target=bpfel-unknown-none"])
        .env("PATH", std::env::join_paths(folders).context("a folder on the PATH has a colon in its name")?)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        // The compiler is a release; this lets it build the library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTC")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTUP_TOOLCHAIN")
        .status()
        .context("the compiler of the kernel programs could not be started")?;
    anyhow::ensure!(status.success(), "the kernel programs could not be built; the messages are above");
    let built = target.join("bpfel-unknown-none/release/throughline-ebpf");
    std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
