//! The kernel's types (BTF), by which the probe finds its way from a descriptor to a connection.

use crate::check::facts::Btf;
use crate::check::{Answer, Facts};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    vec![match &facts.kernel.btf {
        Btf::Readable { bytes } => Answer::ok(format!("/sys/kernel/btf/vmlinux is there, {} kB", bytes / 1024)),
        Btf::Absent => Answer::not_permitted(
            "there is no /sys/kernel/btf/vmlinux",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, as those of all large distributions are; in a container, \
             let it see the machine's /sys",
        ),
        Btf::Unreadable(cause) => Answer::not_permitted(
            format!("/sys/kernel/btf/vmlinux cannot be used: {cause}"),
            "let this process read it; a container needs /sys/kernel/btf mounted",
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn types_have_to_be_readable() {
        for (btf, state, word, reason) in [
            (Btf::Readable { bytes: 5_515_646 }, State::Ok, "5386 kB", "there"),
            (Btf::Absent, State::NotPermitted, "CONFIG_DEBUG_INFO_BTF", "not built in"),
            (Btf::Unreadable("permission denied".to_owned()), State::NotPermitted, "permission denied", "masked"),
        ] {
            let mut facts = Facts::example();
            facts.kernel.btf = btf;
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}
