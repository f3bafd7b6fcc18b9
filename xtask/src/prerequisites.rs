//! What a verb needs from the machine, checked before its work. As root where there is apt-get, what is missing is
//! installed; elsewhere the exact command is printed. Refuses to guess: a tool counts as there only when it was found,
//! and again after an installation.

mod machine;
#[cfg(test)]
mod tests;

pub(crate) use machine::ThisMachine;

use crate::failure::Failure;

/// One thing a verb needs, and the packages that bring it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    name: &'static str,
    why: &'static str,
    found_as: FoundAs,
    apt: &'static [&'static str],
    dnf: &'static [&'static str],
    apk: &'static [&'static str],
    brew: &'static [&'static str],
}

/// How to tell that a tool is there.
#[derive(Debug, PartialEq, Eq)]
enum FoundAs {
    /// Any of these programs is on the PATH.
    Program(&'static [&'static str]),
    /// This file is there.
    File(&'static str),
    /// Some python3 can make a virtual environment. Tried, since Debian ships `venv` without its other half.
    PythonVenv,
}

/// What building the agent takes.
pub(crate) const BUILD: &[Tool] = &[
    Tool {
        name: "cmake",
        why: "builds zlib-ng for the proxy",
        found_as: FoundAs::Program(&["cmake"]),
        apt: &["cmake"],
        dnf: &["cmake"],
        apk: &["cmake"],
        brew: &["cmake"],
    },
    Tool {
        name: "make",
        why: "is what cmake drives",
        found_as: FoundAs::Program(&["make", "gmake", "ninja"]),
        apt: &["make"],
        dnf: &["make"],
        apk: &["make"],
        brew: &["make"],
    },
    Tool {
        name: "a C compiler",
        why: "builds ring, mimalloc and zstd",
        found_as: FoundAs::Program(&["cc", "gcc", "clang"]),
        apt: &["gcc", "libc6-dev"],
        dnf: &["gcc", "glibc-devel"],
        apk: &["gcc", "musl-dev"],
        brew: &["llvm"],
    },
];

/// What the suites against real software take beside [`BUILD`].
pub(crate) const REAL_SOFTWARE: &[Tool] = &[
    Tool {
        name: "python3 with venv",
        why: "runs Flask and an independent OTLP decoder",
        found_as: FoundAs::PythonVenv,
        apt: &["python3", "python3-venv"],
        dnf: &["python3"],
        apk: &["python3"],
        brew: &["python"],
    },
    Tool {
        name: "nginx",
        why: "is a real upstream",
        found_as: FoundAs::Program(&["nginx"]),
        apt: &["nginx"],
        dnf: &["nginx"],
        apk: &["nginx"],
        brew: &["nginx"],
    },
    Tool {
        name: "Node.js",
        why: "is a real upstream too, and grants upgrades",
        found_as: FoundAs::Program(&["node"]),
        apt: &["nodejs"],
        dnf: &["nodejs"],
        apk: &["nodejs"],
        brew: &["node"],
    },
];

/// What the live suites take beside [`REAL_SOFTWARE`].
pub(crate) const LIVE: &[Tool] = &[
    Tool {
        name: "a JDK",
        why: "is a real server and a real client",
        found_as: FoundAs::Program(&["java"]),
        apt: &["default-jdk-headless"],
        dnf: &["java-latest-openjdk-devel"],
        apk: &["openjdk17"],
        brew: &["openjdk"],
    },
    Tool {
        name: "bpftool",
        why: "lists what is left in the kernel",
        found_as: FoundAs::Program(&["bpftool"]),
        apt: &["bpftool"],
        dnf: &["bpftool"],
        apk: &["bpftool"],
        brew: &["bpftool"],
    },
];

/// What booting other kernels takes. The kernels themselves are packages of Debian.
pub(crate) const KERNELS: &[Tool] = &[
    Tool {
        name: "an emulator of x86-64",
        why: "boots other kernels",
        found_as: FoundAs::Program(&["qemu-system-x86_64"]),
        apt: &["qemu-system-x86"],
        dnf: &["qemu-system-x86-core"],
        apk: &["qemu-system-x86_64"],
        brew: &["qemu"],
    },
    Tool {
        name: "apt-get",
        why: "fetches Debian's kernels",
        found_as: FoundAs::Program(&["apt-get"]),
        apt: &["apt"],
        dnf: &["apt"],
        apk: &["apt"],
        brew: &["apt"],
    },
];

/// What building the kernel programs takes beside [`BUILD`]: a compiler whose library comes with its sources, and the
/// LLVM that fits it. Debian has both; elsewhere the object in the tree has to do.
pub(crate) const KERNEL_OBJECT: &[Tool] = &[
    Tool {
        name: "Debian's rustc with its library's sources",
        why: "builds the library for the kernel",
        found_as: FoundAs::File("/usr/lib/rustlib/src/rust/library/core/Cargo.toml"),
        apt: &["rustc-web", "cargo-web", "rust-web-src"],
        dnf: &[],
        apk: &[],
        brew: &[],
    },
    Tool {
        name: "LLVM 22",
        why: "is what the linker for kernel programs is made of",
        found_as: FoundAs::File("/usr/lib/llvm-22/bin/llvm-config"),
        apt: &["llvm-22-dev"],
        dnf: &["llvm-devel"],
        apk: &["llvm22-dev"],
        brew: &["llvm"],
    },
];

/// The machine as these checks see it: a parameter, so that the tests can be on another one.
pub(crate) trait Machine {
    /// Whether `name` is an executable file on the PATH.
    fn has_program(&self, name: &str) -> bool;
    /// Whether there is a file at this path.
    fn has_file(&self, path: &str) -> bool;
    /// A python3 that can make virtual environments.
    fn python(&self) -> Option<String>;
    /// Whether packages may be installed without asking anyone.
    fn is_root(&self) -> bool;
    /// Runs a package manager quietly; the error is the end of what it said.
    fn install(&self, program: &str, arguments: &[&str]) -> Result<(), String>;
    /// One line for the user.
    fn say(&self, line: &str);
}

/// Sees to it that all of `tools` are there.
///
/// # Errors
/// Something is missing and may not or could not be installed: the message names the command.
pub(crate) fn ensure(tools: &[Tool]) -> Result<(), Failure> {
    ensure_on(&ThisMachine, tools)
}

/// A python3 that can make virtual environments: the first on the PATH may be a version manager's, the system's
/// another.
pub(crate) fn python() -> Option<String> {
    ThisMachine.python()
}

/// Which of `tools` are missing here, and why they matter; nothing is installed.
pub(crate) fn lacking(tools: &[Tool]) -> Option<String> {
    let lacking = missing(&ThisMachine, tools);
    (!lacking.is_empty()).then(|| reasons(&lacking))
}

/// Whether a program of this name is on the PATH.
pub(crate) fn has_program(name: &str) -> bool {
    ThisMachine.has_program(name)
}

fn ensure_on(machine: &dyn Machine, tools: &[Tool]) -> Result<(), Failure> {
    let lacking = missing(machine, tools);
    if lacking.is_empty() {
        return Ok(());
    }
    if !(machine.has_program("apt-get") && machine.is_root()) {
        return Err(Failure::missing(format!("{}; {}", reasons(&lacking), advice(machine, &lacking))));
    }
    let packages: Vec<&str> = lacking.iter().flat_map(|tool| tool.apt).copied().collect();
    machine.say(&format!("installing {} with apt-get: {}", packages.join(" "), reasons(&lacking)));
    // A failed update is not the end: the lists that are there may do, and the installation will say if not.
    let updated = machine.install("apt-get", &["update", "-qq"]);
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
    arguments.extend(&packages);
    if let Err(said) = machine.install("apt-get", &arguments) {
        let update = updated.err().map(|said| format!(" (and its update: {said})")).unwrap_or_default();
        return Err(Failure::missing(format!("apt-get could not install {}: {said}{update}", packages.join(" "))));
    }
    let lacking = missing(machine, tools);
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::missing(format!("apt-get ended well, yet {}", reasons(&lacking))))
}

fn missing<'a>(machine: &dyn Machine, tools: &'a [Tool]) -> Vec<&'a Tool> {
    tools.iter().filter(|tool| !is_there(machine, tool)).collect()
}

fn is_there(machine: &dyn Machine, tool: &Tool) -> bool {
    match tool.found_as {
        FoundAs::Program(names) => names.iter().any(|name| machine.has_program(name)),
        FoundAs::File(path) => machine.has_file(path),
        FoundAs::PythonVenv => machine.python().is_some(),
    }
}

fn reasons(lacking: &[&Tool]) -> String {
    let each: Vec<String> = lacking.iter().map(|tool| format!("{} is missing (it {})", tool.name, tool.why)).collect();
    each.join(", ")
}

fn advice(machine: &dyn Machine, lacking: &[&Tool]) -> String {
    type Packages = fn(&Tool) -> &'static [&'static str];
    let managers: [(&str, &str, Packages); 4] = [
        ("apt-get", "sudo apt-get update && sudo apt-get install -y", |tool| tool.apt),
        ("dnf", "sudo dnf install -y", |tool| tool.dnf),
        ("apk", "sudo apk add", |tool| tool.apk),
        ("brew", "brew install", |tool| tool.brew),
    ];
    for (manager, command, packages) in managers {
        if machine.has_program(manager) {
            let packages: Vec<&str> = lacking.iter().flat_map(|tool| packages(tool)).copied().collect();
            return format!("run: {command} {}", packages.join(" "));
        }
    }
    "install it with this system's package manager and run the command again".to_owned()
}
