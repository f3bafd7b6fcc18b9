//! Which processes are one service: those that were forked to share the work of one listening socket. Pure.
//!
//! gunicorn, nginx, Apache, php-fpm, Puma and uWSGI listen and fork workers that hold the same socket; Node's cluster
//! keeps the socket in the parent; servers with SO_REUSEPORT have one socket each on the same port.

use std::sync::Arc;

use super::command::Command;

/// How far up parents are looked at.
const GENERATIONS: usize = 4;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Member {
    /// Its id.
    pub(super) pid: u32,
    /// Its parent's.
    pub(super) parent: u32,
    /// When it started; of several, the oldest leads.
    pub(super) started: u64,
    /// Device and inode of its executable, where that may be known.
    pub(super) file: Option<(u64, u64)>,
    /// Its command line.
    pub(super) command: Arc<Command>,
    /// Inode and port of each TCP socket it holds that listens; `None` where its sockets may not be looked at.
    pub(super) listening: Option<Vec<(u64, u16)>>,
}

/// The process that stands for the service of this one: the topmost parent that shares its work, else the oldest brother
/// that does, else itself. `of` gives a process, `children` those whose parent it is.
pub(super) fn leader(member: &Member, of: impl Fn(u32) -> Option<Member>, children: impl Fn(u32) -> Vec<u32>) -> u32 {
    let mut top = member.clone();
    for _ in 0..GENERATIONS {
        match of(top.parent) {
            Some(parent) if is_parent_of(&parent, &top) => top = parent,
            _ => break,
        }
    }
    // Below a parent that does not listen itself, or listens elsewhere.
    let listens = top.listening.as_ref().is_some_and(|listening| !listening.is_empty());
    let brothers = if listens { children(top.parent) } else { Vec::new() };
    let brothers = brothers.into_iter().filter(|pid| *pid != top.pid && *pid != top.parent);
    let brothers = brothers.filter_map(of).filter(|brother| brother.parent == top.parent && share_port(brother, &top));
    let oldest = brothers.map(|brother| (brother.started, brother.pid)).chain([(top.started, top.pid)]).min();
    oldest.map_or(member.pid, |(_, pid)| pid)
}

/// Whether the child does the parent's work. Sockets that are handed on are no sign where the programs differ: systemd
/// and supervisors hold their services' sockets, too.
fn is_parent_of(parent: &Member, child: &Member) -> bool {
    if !is_same_program(parent, child) || parent.started > child.started {
        return false;
    }
    match (&parent.listening, &child.listening) {
        (Some(above), Some(below)) => {
            let shares_socket = above.iter().any(|(inode, _)| below.iter().any(|(other, _)| other == inode));
            shares_socket || share_port(parent, child) || (!above.is_empty() && parent.command == child.command)
        }
        // One of them may not be looked at: the words, or the beginning of the titles, have to do.
        _ => parent.command == child.command || have_same_title(&parent.command, &child.command),
    }
}

/// SO_REUSEPORT: other sockets, the same port. Port 0 is none.
fn share_port(one: &Member, other: &Member) -> bool {
    let (Some(ours), Some(theirs)) = (&one.listening, &other.listening) else { return false };
    is_same_program(one, other)
        && one.command.words().get(1..) == other.command.words().get(1..)
        && ours.iter().any(|(_, port)| *port != 0 && theirs.iter().any(|(_, other)| other == port))
}

fn is_same_program(one: &Member, other: &Member) -> bool {
    one.file == other.file && (one.file.is_some() || one.command.words().first() == other.command.words().first())
}

/// `nginx: master process` and `nginx: worker process`.
fn have_same_title(one: &Command, other: &Command) -> bool {
    let beginning = |command: &Command| Some(command.title()?.split_once(": ")?.0.to_owned());
    beginning(one).is_some_and(|title| beginning(other) == Some(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: Option<(u64, u64)> = Some((1, 100));
    const OTHER: Option<(u64, u64)> = Some((1, 200));

    type Listening<'a> = Option<&'a [(u64, u16)]>;
    /// Id, parent, executable, command line, listening sockets.
    type Process<'a> = (u32, u32, Option<(u64, u64)>, &'a str, Listening<'a>);

    fn leader_of(pid: u32, processes: &[Process<'_>]) -> u32 {
        let member = |(pid, parent, file, command, listening): &Process<'_>| Member {
            pid: *pid,
            parent: *parent,
            started: u64::from(*pid),
            file: *file,
            command: Arc::new(Command::parse(command.replace('~', "\0").as_bytes())),
            listening: listening.map(<[_]>::to_vec),
        };
        let of = |pid: u32| processes.iter().find(|process| process.0 == pid).map(member);
        let children =
            |pid: u32| processes.iter().filter(|process| process.1 == pid).map(|process| process.0).collect();
        of(pid).map_or(0, |found| leader(&found, of, children))
    }

    #[test]
    fn workers_and_their_parent_are_one_service() {
        let none: Listening<'_> = Some(&[]);
        let gunicorn = "python~gunicorn~shop:app";
        let rows: [(u32, u32, &[Process<'_>], &str); 13] = [
            (
                3,
                2,
                &[(2, 1, PYTHON, gunicorn, Some(&[(7, 80)])), (3, 2, PYTHON, gunicorn, Some(&[(7, 80)]))],
                "gunicorn",
            ),
            (
                2,
                2,
                &[(1, 0, OTHER, "init", Some(&[(7, 80)])), (2, 1, PYTHON, gunicorn, Some(&[(7, 80)]))],
                "systemd hands it on",
            ),
            (
                3,
                2,
                &[
                    (2, 1, OTHER, "nginx: master process nginx", Some(&[(7, 80)])),
                    (3, 2, OTHER, "nginx: worker process", Some(&[(7, 80)])),
                ],
                "nginx",
            ),
            (
                4,
                2,
                &[(2, 1, OTHER, "node~app.js", Some(&[(7, 80)])), (4, 2, OTHER, "node~app.js", none)],
                "Node's cluster: the parent listens alone",
            ),
            (
                5,
                2,
                &[
                    (2, 1, PYTHON, "a", Some(&[(7, 80)])),
                    (3, 2, PYTHON, "a", Some(&[(7, 80)])),
                    (5, 3, PYTHON, "a", Some(&[(7, 80)])),
                ],
                "workers of a worker",
            ),
            (
                4,
                3,
                &[
                    (2, 1, PYTHON, "python~serve.py", none),
                    (3, 2, PYTHON, "python~serve.py", Some(&[(7, 80)])),
                    (4, 2, PYTHON, "python~serve.py", Some(&[(8, 80)])),
                ],
                "SO_REUSEPORT below a parent that does not listen: the oldest leads",
            ),
            (
                4,
                4,
                &[
                    (2, 1, OTHER, "sh", none),
                    (3, 2, PYTHON, "python~a.py", Some(&[(7, 80)])),
                    (4, 2, PYTHON, "python~b.py", Some(&[(8, 81)])),
                ],
                "two services of one shell",
            ),
            (
                3,
                3,
                &[(2, 1, PYTHON, "python~a.py", none), (3, 2, PYTHON, "python~a.py", none)],
                "a child of a client: nothing is shared",
            ),
            (
                3,
                3,
                &[(2, 1, PYTHON, "python~a.py", Some(&[(7, 80)])), (3, 2, PYTHON, "python~b.py", none)],
                "another program of the same interpreter",
            ),
            (
                3,
                3,
                &[(2, 1, OTHER, "supervisor", Some(&[(7, 80)])), (3, 2, PYTHON, "python", Some(&[(7, 80)]))],
                "a socket that another program handed on",
            ),
            (
                3,
                2,
                &[(2, 1, OTHER, "nginx: master process", None), (3, 2, OTHER, "nginx: worker process", None)],
                "sockets of others, by title",
            ),
            (3, 3, &[(2, 1, None, "sh", None), (3, 2, None, "shop", None)], "nothing is known of them"),
            (9, 9, &[(9, 8, PYTHON, "a", Some(&[(7, 80)]))], "its parent is gone"),
        ];
        for (pid, expected, processes, reason) in rows {
            assert_eq!(leader_of(pid, processes), expected, "{reason}");
        }
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let processes = [
            (2, 3, PYTHON, "a", Some(&[(7, 80)][..])),
            (3, 2, PYTHON, "a", Some(&[(7, 80)][..])),
            (4, 4, PYTHON, "a", Some(&[(7, 80)][..])),
        ];
        for pid in [2, 3, 4] {
            assert!(leader_of(pid, &processes) > 0);
        }
    }
}
