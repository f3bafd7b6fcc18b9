//! Whether an OpenTelemetry agent or SDK is loaded into a process, and what says so.

use crate::label;

/// What says that an OpenTelemetry agent or SDK is loaded. That it is there does not mean that it propagates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Telemetry {
    /// `-javaagent:` with OpenTelemetry's agent, on the command line or in `JAVA_TOOL_OPTIONS`.
    JavaAgent,
    /// `opentelemetry-instrument`, or its folder in `PYTHONPATH`.
    PythonInstrument,
    /// `--require` or `--import` of an `@opentelemetry` package, on the command line or in `NODE_OPTIONS`.
    NodeRequire,
    /// OpenTelemetry's .NET profiler: `CORECLR_PROFILER` and its like.
    DotNetProfiler,
    /// A `LD_PRELOAD` of OpenTelemetry's injector.
    Preload,
    /// A library of OpenTelemetry is mapped.
    Library,
    /// Variables that an SDK reads (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like): a wish, not a proof.
    Environment,
}

label!(Telemetry {
    JavaAgent => "javaagent",
    PythonInstrument => "opentelemetry-instrument",
    NodeRequire => "node_require",
    DotNetProfiler => "dotnet_profiler",
    Preload => "ld_preload",
    Library => "library",
    Environment => "environment",
});
