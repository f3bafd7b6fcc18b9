//! Settings of the kernel that others' guides ask to change, and what they mean to the probe.

use crate::check::{Answer, Facts};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let kernel = &facts.kernel;
    let shown = |name: &str, value: Option<i64>| value.map(|value| format!("{name} {value}"));
    let values = [
        shown("perf_event_paranoid", kernel.perf_event_paranoid),
        shown("unprivileged_bpf_disabled", kernel.unprivileged_bpf_disabled),
        shown("kptr_restrict", kernel.kptr_restrict),
    ];
    let values: Vec<String> = values.into_iter().flatten().collect();
    let mut answers = vec![if values.is_empty() {
        Answer::skipped("/proc/sys/kernel cannot be read")
    } else {
        Answer::ok(format!("{}: none of them matters to who has the capabilities", values.join(", ")))
    }];
    if kernel.bpf_jit_enable == Some(0) {
        answers.push(Answer::warning(
            "net.core.bpf_jit_enable is 0: programs are interpreted",
            "sysctl net.core.bpf_jit_enable=1 makes them several times faster",
        ));
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn settings_are_told_and_few_matter() {
        let mut facts = Facts::example();
        facts.kernel.perf_event_paranoid = Some(4);
        expect(&judge(&facts), &[(State::Ok, "perf_event_paranoid 4")], "capabilities stand above it");
        facts.kernel.bpf_jit_enable = Some(0);
        expect(&judge(&facts), &[(State::Ok, ""), (State::Warning, "interpreted")], "slow");
        let kernel = &mut facts.kernel;
        (kernel.perf_event_paranoid, kernel.unprivileged_bpf_disabled) = (None, None);
        (kernel.kptr_restrict, kernel.bpf_jit_enable) = (None, None);
        expect(&judge(&facts), &[(State::Skipped, "/proc/sys")], "masked");
    }
}
