//! `throughline decode`: explains a `traceparent` and a `tracestate`.

use std::io::Write;
use std::process::ExitCode;

use super::arguments::DecodeArguments;
use super::failure::Failure;
use crate::trace::explain;
use crate::trace::marker::Marker;

/// Prints the explanation. A header that is invalid is a failed check: exit code 1.
pub(super) fn run(arguments: &DecodeArguments) -> Result<ExitCode, Failure> {
    let tracestate = arguments.tracestate.as_deref().map(str::as_bytes);
    let explanation = explain::explain(arguments.traceparent.as_bytes(), tracestate, &Marker::default());
    let mut out = std::io::stdout();
    write!(out, "{explanation}").and_then(|()| out.flush()).map_err(Failure::output)?;
    Ok(if explanation.is_valid() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
