//! What runs a program: from the name of its executable, the libraries it has mapped, and the executable itself. Pure.

use super::elf::Elf;
use crate::label;

/// What runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// CPython or another Python.
    Python,
    /// Node.js.
    Node,
    /// Bun.
    Bun,
    /// Deno.
    Deno,
    /// A Java virtual machine.
    Jvm,
    /// A program in Go.
    Go,
    /// .NET.
    DotNet,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Perl.
    Perl,
    /// Erlang's and Elixir's virtual machine.
    Beam,
    /// nginx, and what is built on it.
    Nginx,
    /// Envoy.
    Envoy,
    /// HAProxy.
    Haproxy,
    /// Apache httpd.
    Apache,
    /// A program in Rust.
    Rust,
    /// Machine code of another language.
    Native,
    /// It could not be looked into.
    Unknown,
}

label!(Runtime {
    Python => "python",
    Node => "node",
    Bun => "bun",
    Deno => "deno",
    Jvm => "jvm",
    Go => "go",
    DotNet => "dotnet",
    Ruby => "ruby",
    Php => "php",
    Perl => "perl",
    Beam => "beam",
    Nginx => "nginx",
    Envoy => "envoy",
    Haproxy => "haproxy",
    Apache => "apache",
    Rust => "rust",
    Native => "native",
    Unknown => "unknown",
});

/// Names of executables, which may go on with a version: `python3.11`, `php-fpm8.2`.
const NAMES: [(&str, Runtime); 24] = [
    ("python", Runtime::Python),
    ("pypy", Runtime::Python),
    ("uwsgi", Runtime::Python),
    ("node", Runtime::Node),
    ("nodejs", Runtime::Node),
    ("bun", Runtime::Bun),
    ("deno", Runtime::Deno),
    ("java", Runtime::Jvm),
    ("dotnet", Runtime::DotNet),
    ("ruby", Runtime::Ruby),
    ("truffleruby", Runtime::Ruby),
    ("php", Runtime::Php),
    ("php-fpm", Runtime::Php),
    ("php-cgi", Runtime::Php),
    ("frankenphp", Runtime::Php),
    ("perl", Runtime::Perl),
    ("beam.smp", Runtime::Beam),
    ("beam", Runtime::Beam),
    ("nginx", Runtime::Nginx),
    ("openresty", Runtime::Nginx),
    ("envoy", Runtime::Envoy),
    ("haproxy", Runtime::Haproxy),
    ("httpd", Runtime::Apache),
    ("apache2", Runtime::Apache),
];

/// Beginnings of the names of mapped libraries, for programs that have a runtime in them: uWSGI, launchers of Java,
/// self-contained programs of .NET. Perl's library is left out: many programs in C have it for their scripts.
const LIBRARIES: [(&str, Runtime); 8] = [
    ("libjvm.so", Runtime::Jvm),
    ("libcoreclr.so", Runtime::DotNet),
    ("libnode.so", Runtime::Node),
    ("libpython3", Runtime::Python),
    ("libpython2", Runtime::Python),
    ("libpypy", Runtime::Python),
    ("libruby", Runtime::Ruby),
    ("libphp", Runtime::Php),
];

impl Runtime {
    /// The runtime whose executable has this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let fits = |(known, _): &&(&str, Self)| name.strip_prefix(known).is_some_and(is_version);
        NAMES.iter().find(fits).map(|(_, runtime)| *runtime)
    }

    /// The runtime one of these mapped files belongs to.
    #[must_use]
    pub fn of_libraries<'a>(files: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        files.into_iter().find_map(|file| {
            let name = file.rsplit('/').next().unwrap_or(file);
            LIBRARIES.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, runtime)| *runtime)
        })
    }

    /// What the executable says of itself.
    #[must_use]
    pub fn of_elf(elf: Elf) -> Self {
        match elf {
            Elf { is_go: true, .. } => Self::Go,
            Elf { is_rust: true, .. } => Self::Rust,
            Elf { .. } => Self::Native,
        }
    }

    /// Whether it runs programs that lie in files of their own, so that its executable says nothing of them.
    #[must_use]
    pub fn is_interpreter(self) -> bool {
        use Runtime::{Beam, Bun, Deno, DotNet, Jvm, Node, Perl, Php, Python, Ruby};
        matches!(self, Python | Node | Bun | Deno | Jvm | DotNet | Ruby | Php | Perl | Beam)
    }
}

/// Nothing, or a version as systems add it to names: `3.11`, `-3`, `3.13t`, `2.7-dbg`, `-debug`.
fn is_version(rest: &str) -> bool {
    let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || "._-".contains(letter));
    matches!(rest, "" | "t" | "d" | "dbg" | "debug" | "bin" | "wasm")
}

/// The files that `/proc/PID/maps` (proc_pid_maps(5)) names, each once where its mappings follow each other. The rest
/// of a line that was cut is taken for what it is.
pub fn mapped_files(maps: &str) -> impl Iterator<Item = &str> {
    let mut last = "";
    maps.lines().filter_map(move |line| {
        // The path is the sixth field, and may hold spaces.
        let path = line.get(line.find('/')?..)?;
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let is_new = path != last;
        last = path;
        is_new.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_executables_are_known() {
        let rows = [
            ("python3.11", Some(Runtime::Python), "Debian"),
            ("python3.13t", Some(Runtime::Python), "without the interpreter's lock"),
            ("pypy3", Some(Runtime::Python), "PyPy"),
            ("node", Some(Runtime::Node), "Node.js"),
            ("nodejs", Some(Runtime::Node), "Debian, formerly"),
            ("node-exporter", None, "a program in Go"),
            ("node_exporter", None, "its other spelling"),
            ("java", Some(Runtime::Jvm), "JDK"),
            ("javac", None, "a compiler"),
            ("php-fpm8.2", Some(Runtime::Php), "Debian"),
            ("php8.2", Some(Runtime::Php), "Debian"),
            ("ruby3.1", Some(Runtime::Ruby), "Debian"),
            ("perl", Some(Runtime::Perl), "Perl"),
            ("beam.smp", Some(Runtime::Beam), "Erlang/OTP"),
            ("nginx", Some(Runtime::Nginx), "nginx"),
            ("nginx-debug", Some(Runtime::Nginx), "nginx.org"),
            ("envoy", Some(Runtime::Envoy), "Envoy"),
            ("haproxy", Some(Runtime::Haproxy), "HAProxy"),
            ("httpd", Some(Runtime::Apache), "Red Hat"),
            ("apache2", Some(Runtime::Apache), "Debian"),
            ("dotnet", Some(Runtime::DotNet), ".NET"),
            ("bundle", None, "no Bun"),
            ("shop", None, "anything else"),
            ("", None, "nothing"),
        ];
        for (name, expected, reason) in rows {
            assert_eq!(Runtime::of_name(name), expected, "{name}: {reason}");
        }
    }

    #[test]
    fn mapped_libraries_tell_what_is_embedded() {
        let maps = "55d0c0a00000-55d0c0a01000 r-xp 00000000 08:01 131 /usr/bin/shop\n\
                    55d0c0a01000-55d0c0a02000 rw-p 00000000 00:00 0 [heap]\n\
                    7f1c00000000-7f1c00021000 r--p 00000000 08:01 77 /opt/my app/lib/libcoreclr.so\n\
                    7f1c00021000-7f1c00022000 r-xp 00021000 08:01 77 /opt/my app/lib/libcoreclr.so\n\
                    7f1c00022000-7f1c00023000 r-xp 00021000 08:01 77 /tmp/x.so (deleted)\n\
                    7ffd00000000-7ffd00021000 r-xp 00000000 00:00 0 [vdso]\n7f1c";
        let files: Vec<&str> = mapped_files(maps).collect();
        assert_eq!(files, ["/usr/bin/shop", "/opt/my app/lib/libcoreclr.so", "/tmp/x.so"]);
        assert_eq!(Runtime::of_libraries(files), Some(Runtime::DotNet));
        let rows = [
            ("/usr/lib/jvm/temurin-25/lib/server/libjvm.so", Some(Runtime::Jvm)),
            ("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", Some(Runtime::Python)),
            ("/usr/lib/libruby-3.1.so.3.1", Some(Runtime::Ruby)),
            ("/usr/lib/libnode.so.108", Some(Runtime::Node)),
            ("/usr/lib/x86_64-linux-gnu/libperl.so.5.36", None),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", None),
        ];
        for (file, expected) in rows {
            assert_eq!(Runtime::of_libraries([file]), expected, "{file}");
        }
    }
}
