//! Threads that work beside the traffic: whoever serves goes first.

use std::io;
use std::thread::{Builder, JoinHandle};

/// A thread at 0 is given nine times as much of a processor that both want (`man 7 sched`).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Starts a thread that gives way to others.
///
/// # Errors
/// No thread can be had.
pub fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        // A system that refuses it shares its processors evenly. Elsewhere it would be the whole process.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICE);
        body()
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    /// The calling thread's, as `man 5 proc_pid_stat` has it: the 17th field after the name.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_gives_way_and_its_starter_does_not() {
        let before = nice();
        assert_eq!(spawn("test", nice).unwrap().join().unwrap(), NICE.max(before));
        assert_eq!(nice(), before);
    }
}
