//! What runs a program: from the name of its executable, the libraries it has mapped, and the executable itself.

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
