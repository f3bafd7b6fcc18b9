//! How the table looks.

use super::*;
use crate::check::Facts;

fn page(change: impl Fn(&mut Facts), look: Look) -> String {
    let mut facts = Facts::example();
    facts.plan = crate::check::Plan::None;
    change(&mut facts);
    render(&Checkup::compose(&facts, 0), look)
}

const WIDE: Look = Look { width: 100, colour: false, unicode: true };

#[test]
fn a_line_has_a_sign_and_perhaps_a_hint() {
    let page = page(|facts| facts.rights.effective = 0, WIDE);
    assert!(page.contains("  ✓ kernel           Linux 6.1.0 on x86_64\n"), "{page}");
    assert!(page.contains("  ✗ capabilities     CAP_BPF (loads programs) and CAP_PERFMON"), "{page}");
    assert!(page.contains("→ "), "{page}");
    assert!(page.ends_with("exit code 4.\n"), "{page}");
}

#[test]
fn all_is_well() {
    assert!(page(|_| {}, WIDE).ends_with("\nAll is well.\n"));
    assert!(page(|facts| facts.kernel.bpf_jit_enable = Some(0), WIDE).ends_with("\nIt works, with 1 warning.\n"));
}

#[test]
fn a_terminal_that_shows_no_more_gets_ascii() {
    let look = Look { unicode: false, ..WIDE };
    let change = |facts: &mut Facts| facts.kernel.name = "6.1.0-ü\u{1b}[2J".to_owned();
    let text = page(change, look);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("  ok   kernel") && text.contains("6.1.0-?\\u{1b}[2J"), "{text}");
    assert!(!page(change, WIDE).contains('\u{1b}'), "no control character from outside");
    assert!(page(change, Look { colour: true, ..look }).contains("\u{1b}[32mok  \u{1b}[0m"), "a colour was asked for");
}

#[test]
fn lines_keep_to_the_width() {
    for width in [1, 60, 80, 120] {
        let page = page(|facts| facts.rights.effective = 0, Look { width, ..WIDE });
        assert!(page.lines().all(|line| crate::report::text::width(line) <= width.max(NARROWEST)), "{page}");
    }
}
