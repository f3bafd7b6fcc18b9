//! What to do about a finding, in one line. `explain` says it at length.

use crate::gap::code::Code;

/// One line: who has to do what. `service` is the caller, or the service where requests arrive.
#[must_use]
pub fn fix(code: Code, service: &str) -> String {
    match code {
        Code::ContextLost => {
            format!("in {service}, copy traceparent and tracestate from the request it serves to this call")
        }
        Code::TraceRestarted => {
            format!(
                "in {service}, make the call within the context of the request it serves, not in a trace of its own"
            )
        }
        Code::MarkLost => {
            format!(
                "in {service}, pass tracestate on beside traceparent; a sampler must return the parent's trace state"
            )
        }
        Code::ForwardedVerbatim => {
            format!("nothing is lost: {service} copies the headers and makes no span of its own")
        }
        Code::SampledCleared => format!("in {service}, let the sampler follow its parent, so that sampled stays 1"),
        Code::MalformedOut => {
            format!("in {service}, set each context header once and write the value as it was received")
        }
        Code::TracestateChanged => format!("in {service}, keep the members that came; the mark is still among them"),
        Code::LeftScope => {
            format!("in {service}, send no context to hosts that are not yours, or declare this one in scope")
        }
        Code::Stale => {
            format!(
                "in {service}, take the context from the request being served, not from a global or a reused thread"
            )
        }
        Code::MonitorUnmarked => {
            format!("let traceparent and tracestate through to {service}, and switch tracing on for the check")
        }
        Code::MarkUntrusted => {
            format!("name the monitor's address ranges with --trust before {service}, if it is yours")
        }
        Code::NotObservable => {
            format!("give {service} a proxy that sees clear-text HTTP/1.1; nothing is known to be broken")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fix;
    use crate::gap::code::{Code, Severity};

    #[test]
    fn every_fix_names_the_service_and_fits_two_lines() {
        for code in Code::ALL {
            let line = fix(code, "shop");
            assert!(line.contains("shop") && line.len() <= 120, "{code}: {line}");
        }
    }

    #[test]
    fn what_loses_a_mark_is_told_to_pass_on_tracestate() {
        for code in [Code::ContextLost, Code::MarkLost] {
            assert_eq!(code.severity(), Severity::Error);
            assert!(fix(code, "shop").contains("tracestate"), "{code}");
        }
    }
}
