//! `/proc/PID/stat` (proc_pid_stat(5)): parent and start time.

/// `PF_KTHREAD` of `flags`: a thread of the kernel's own.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The name, as the kernel cut it to 15 bytes.
    pub name: String,
    /// Field 4.
    pub parent: u32,
    /// Field 22: when it started, in ticks since the machine did.
    pub started: u64,
    /// Whether the kernel started it for itself: it runs no program.
    pub is_kernel: bool,
}

impl Stat {
    /// Reads the file. The name may hold anything, brackets, spaces and line feeds too, so the last bracket ends it.
    #[must_use]
    pub fn parse(stat: &[u8]) -> Option<Self> {
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
        let mut fields = std::str::from_utf8(stat.get(close + 1..)?).ok()?.split_ascii_whitespace();
        // The state is field 3.
        let parent = fields.nth(1)?.parse().ok()?;
        let flags: u64 = fields.nth(4)?.parse().ok()?;
        let started = fields.nth(12)?.parse().ok()?;
        Some(Self { name, parent, started, is_kernel: flags & KERNEL_THREAD != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_name_with_brackets_is_no_hindrance() {
        let rest = "S 1 2 3 4 5 4194304 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        for name in ["cat", "a b", ") S 9 9", "((", "", "a\n1 2 3"] {
            let read = Stat::parse(format!("77 ({name}) {rest}").as_bytes());
            let expected = Stat { name: name.to_owned(), parent: 1, started: 4242, is_kernel: false };
            assert_eq!(read, Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_cut_or_odd_is_refused() {
        let rows = [
            ("", "nothing"),
            ("77", "the id alone"),
            ("77 (cat", "no end of the name"),
            ("77 )cat(", "brackets the wrong way round"),
            ("77 (cat) S 1 2", "cut before the start time"),
            ("77 (cat) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x", "no number"),
            ("77 (cat) S -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", "no parent"),
        ];
        for (text, reason) in rows {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{reason}");
        }
    }

    #[test]
    fn threads_of_the_kernel_are_told_apart() {
        // Linux 6.1, kthreadd.
        let text = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 30 0 0 20 0 1 0 5 0 0";
        assert!(Stat::parse(text).is_some_and(|stat| stat.is_kernel && stat.parent == 0 && stat.started == 5));
    }
}
