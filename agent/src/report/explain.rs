//! What a code means, how it is judged, what causes it, and what to write in each of eight languages.
//!
//! The texts are files beside this one: one for each code, and one for each kind of fix, because several codes share
//! one. They are compiled in.

use std::fmt::Write as _;

use crate::gap::code::Code;
use crate::trace::counts::Label;

/// A language with a fix of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Python.
    Python,
    /// JavaScript and TypeScript in Node.
    Node,
    /// Java, and what runs beside it.
    Java,
    /// Go.
    Go,
    /// C# and its relatives.
    DotNet,
    /// PHP.
    Php,
    /// Ruby.
    Ruby,
    /// Rust.
    Rust,
}

crate::label!(Language {
    Python => "Python",
    Node => "Node",
    Java => "Java",
    Go => "Go",
    DotNet => ".NET",
    Php => "PHP",
    Ruby => "Ruby",
    Rust => "Rust",
});

/// The sections of a code's text, in the order they are shown.
const SECTIONS: [&str; 5] = ["Meaning", "How it is judged", "Blind spots", "Causes", "tracestate"];
const BOLD: &str = "1";

/// The whole text on a code, for one language or for all. `colour` says whether headings may be bold.
#[must_use]
pub fn explain(code: Code, language: Option<Language>, colour: bool) -> String {
    let heading = |text: &str| if colour { format!("\x1b[{BOLD}m{text}\x1b[0m") } else { text.to_owned() };
    let mut out = heading(&format!("{code} {} ({})", code.title(), code.severity().name()));
    out.push('\n');
    for name in SECTIONS {
        let _ = writeln!(out, "\n{}", heading(name));
        indented(&mut out, section(meaning(code), name).unwrap_or_default());
    }
    for &fix in Language::ALL.iter().filter(|fix| language.is_none_or(|asked| asked == **fix)) {
        let _ = writeln!(out, "\n{}", heading(&format!("Fix in {}", fix.name())));
        indented(&mut out, section(fixes(code), fix.name()).unwrap_or_default());
    }
    out
}

/// All codes, one line each.
#[must_use]
pub fn list() -> String {
    let mut out = String::new();
    for code in Code::ALL {
        let _ = writeln!(out, "{code}  {:<5}  {}", code.severity().name(), code.title());
    }
    out.push_str("\nthroughline explain CODE says more; --language shows one fix of eight.\n");
    out
}

/// Text by two columns, code by four.
fn indented(out: &mut String, text: &str) {
    let mut is_code = false;
    for line in text.trim_matches('\n').lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "{:1$}{line}", "", if is_code { 4 } else { 2 });
        }
    }
}

/// What stands under a heading.
fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut sections = text.strip_prefix("## ")?.split("\n## ");
    sections.find_map(|section| section.strip_prefix(name)?.strip_prefix('\n'))
}

const fn meaning(code: Code) -> &'static str {
    match code {
        Code::ContextLost => include_str!("explain/codes/G101.md"),
        Code::TraceRestarted => include_str!("explain/codes/G102.md"),
        Code::MarkLost => include_str!("explain/codes/G103.md"),
        Code::ForwardedVerbatim => include_str!("explain/codes/G104.md"),
        Code::SampledCleared => include_str!("explain/codes/G105.md"),
        Code::MalformedOut => include_str!("explain/codes/G106.md"),
        Code::TracestateChanged => include_str!("explain/codes/G107.md"),
        Code::LeftScope => include_str!("explain/codes/G109.md"),
        Code::Stale => include_str!("explain/codes/G110.md"),
        Code::MonitorUnmarked => include_str!("explain/codes/G301.md"),
        Code::MarkUntrusted => include_str!("explain/codes/G302.md"),
        Code::NotObservable => include_str!("explain/codes/G401.md"),
    }
}

/// What to write: copy the headers, extract them, keep the trace state, and so on.
const fn fixes(code: Code) -> &'static str {
    match code {
        Code::ContextLost => include_str!("explain/fixes/forward.md"),
        Code::TraceRestarted => include_str!("explain/fixes/extract.md"),
        Code::MarkLost | Code::TracestateChanged => include_str!("explain/fixes/state.md"),
        Code::ForwardedVerbatim => include_str!("explain/fixes/span.md"),
        Code::SampledCleared => include_str!("explain/fixes/sampled.md"),
        Code::MalformedOut => include_str!("explain/fixes/single.md"),
        Code::LeftScope => include_str!("explain/fixes/scope.md"),
        Code::Stale => include_str!("explain/fixes/current.md"),
        Code::MonitorUnmarked | Code::MarkUntrusted => include_str!("explain/fixes/look.md"),
        Code::NotObservable => include_str!("explain/fixes/plain.md"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;
    use crate::report::text::width;

    #[test]
    fn every_code_has_every_section_and_every_language() {
        for code in Code::ALL {
            for name in SECTIONS {
                let text = section(meaning(code), name).unwrap_or_default();
                assert!(text.trim().len() > 20, "{code}: {name}");
            }
            for language in Language::ALL {
                let text = section(fixes(code), language.name()).unwrap_or_default();
                assert!(text.contains("```") && text.trim().len() > 40, "{code} in {}", language.name());
                assert_eq!(text.matches("```").count() % 2, 0, "{code} in {}: every fence is closed", language.name());
            }
        }
    }

    #[test]
    fn every_code_says_whether_tracestate_must_be_forwarded() {
        for code in Code::ALL {
            let text = section(meaning(code), "tracestate").unwrap();
            assert!(["must", "forward"].iter().any(|word| text.contains(word)), "{code}: {text}");
        }
    }

    #[test]
    fn fixes_that_write_headers_write_both() {
        let writing = [Code::ContextLost, Code::TraceRestarted, Code::MalformedOut, Code::Stale];
        for code in writing {
            for language in Language::ALL {
                let text = section(fixes(code), language.name()).unwrap().to_lowercase();
                let both = text.contains("tracestate") || text.contains("inject");
                assert!(both, "{code} in {}: {text}", language.name());
            }
        }
    }

    #[test]
    fn the_guides_whose_samplers_lose_it_are_named() {
        let text = explain(Code::MarkLost, None, false);
        assert!(text.contains("Flask and Django guides") && text.contains("trace_state=received"), "{text}");
    }

    #[test]
    fn texts_fit_a_terminal_and_hold_nothing_else() {
        for code in Code::ALL {
            let text = explain(code, None, false);
            assert!(text.starts_with(&format!("{code} {} (", code.title())));
            assert!(!text.contains("```") && !text.contains('\x1b') && !text.contains('\t'), "{code}");
            let widest = text.lines().max_by_key(|line| width(line)).unwrap();
            assert!(width(widest) <= 110, "{code}: {} columns: {widest}", width(widest));
            let prose = text.split("\nFix in").next().unwrap();
            assert!(prose.lines().all(|line| width(line) <= 90), "{code}: prose fits");
        }
    }

    #[test]
    fn one_language_can_be_asked_for() {
        let text = explain(Code::ContextLost, Some(Language::DotNet), true);
        assert!(text.contains("\x1b[1mFix in .NET\x1b[0m\n    // ASP.NET Core"), "{text}");
        assert_eq!(text.matches("Fix in").count(), 1);
    }

    #[test]
    fn the_list_has_every_code() {
        let list = list();
        assert!(Code::ALL.iter().all(|code| list.contains(code.as_str()) && list.contains(code.title())), "{list}");
    }
}
