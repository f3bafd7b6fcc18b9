//! What a service is called.

use crate::label;

/// Where the name of a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// A rule of the configuration.
    Rule,
    /// `OTEL_SERVICE_NAME`, or `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, of the process itself.
    Environment,
    /// Its systemd unit.
    Unit,
    /// The script, module or archive that an interpreter runs.
    Script,
    /// Its executable.
    Executable,
    /// Nothing but its id was known.
    Pid,
}

label!(NamedBy {
    Rule => "rule",
    Environment => "environment",
    Unit => "unit",
    Script => "script",
    Executable => "executable",
    Pid => "pid",
});
