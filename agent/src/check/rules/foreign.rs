//! eBPF programs of others that may change traffic: what they are, and what that means here.

use std::collections::BTreeMap;

use crate::check::facts::{ForeignPrograms, ProgramKind};
use crate::check::{Answer, Facts};

/// Names that are shown of a kind.
const SHOWN: usize = 6;

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let programs = match &facts.bpf.foreign {
        ForeignPrograms::NotBuilt => {
            return vec![Answer::skipped("this build cannot list them: the feature ebpf is off")];
        }
        ForeignPrograms::Refused(cause) => {
            return vec![Answer::skipped(format!("cannot be listed without CAP_SYS_ADMIN: {cause}"))];
        }
        ForeignPrograms::Listed(programs) => programs,
    };
    let mut kinds: BTreeMap<ProgramKind, Vec<&str>> = BTreeMap::new();
    for (kind, name) in programs {
        kinds.entry(*kind).or_default().push(name);
    }
    let answers: Vec<Answer> = kinds.into_iter().filter_map(|(kind, names)| answer(kind, &names)).collect();
    if answers.is_empty() { vec![Answer::ok("none that could change traffic")] } else { answers }
}

fn answer(kind: ProgramKind, names: &[&str]) -> Option<Answer> {
    let names = listed(names);
    Some(match kind {
        ProgramKind::SkMsg | ProgramKind::SkSkb => Answer::warning(
            format!("{names}: sees the bytes of sockets, and may change them or send them on another way (sockmap)"),
            "what such a program writes, nobody else sees: a header it adds is not in what the service sent. Ask its \
             owner whether it changes HTTP headers; see which it is with bpftool prog",
        ),
        ProgramKind::SockOps => Answer::warning(
            format!("{names}: follows connections, and may hand them to programs that change their bytes (sock_ops)"),
            "of service meshes and tracers with eBPF; ask its owner whether it changes HTTP headers",
        ),
        ProgramKind::Packets => Answer::ok(format!(
            "{names}: sees packets, and may change or drop them, as networks of containers do; what services read and \
             write is not touched by it, but for tracers that add to packets"
        )),
        ProgramKind::Addresses => Answer::ok(format!(
            "{names}: chooses where connections go; the address a service calls may not be the one that is reached"
        )),
        ProgramKind::Tracing | ProgramKind::Other => return None,
    })
}

/// `3 programs (a, b, c)`, each name once.
fn listed(names: &[&str]) -> String {
    let count = names.len();
    let mut distinct: Vec<&str> =
        names.iter().map(|name| if name.is_empty() { "without a name" } else { name }).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let more = if distinct.len() > SHOWN { ", .." } else { "" };
    distinct.truncate(SHOWN);
    let noun = if count == 1 { "program" } else { "programs" };
    format!("{count} {noun} ({}{more})", distinct.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn who_could_change_traffic_is_named() {
        let named = |kind, name: &str| (kind, name.to_owned());
        let (message, packets) = (named(ProgramKind::SkMsg, "add_header"), named(ProgramKind::Packets, "cil_from_net"));
        let (follows, chooses) = (named(ProgramKind::SockOps, "ops"), named(ProgramKind::Addresses, "cil_sock4_conn"));
        let watches = named(ProgramKind::Tracing, "count");
        for (programs, expected, reason) in [
            (vec![], &[(State::Ok, "none")][..], "nobody else"),
            (vec![watches.clone()], &[(State::Ok, "none")], "watching changes nothing"),
            (vec![packets.clone(), packets.clone()], &[(State::Ok, "2 programs (cil_from_net)")], "the network's own"),
            (vec![chooses], &[(State::Ok, "chooses")], "a load balancer"),
            (vec![follows], &[(State::Warning, "sock_ops")], "a mesh"),
            (vec![packets, message], &[(State::Warning, "add_header"), (State::Ok, "packets")], "the worst first"),
        ] {
            let mut facts = Facts::example();
            facts.bpf.foreign = ForeignPrograms::Listed(programs);
            expect(&judge(&facts), expected, reason);
        }
        let mut facts = Facts::example();
        facts.bpf.foreign = ForeignPrograms::Refused("EPERM".to_owned());
        expect(&judge(&facts), &[(State::Skipped, "CAP_SYS_ADMIN")], "the agent's own capabilities do not suffice");
    }
}
