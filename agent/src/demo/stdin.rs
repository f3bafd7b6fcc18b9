//! When stdin is closed: how a child learns that its parent is gone, however the parent went. Reads nothing into use.

use std::io::Read as _;

use tokio::sync::oneshot;

/// Ready once stdin has ended or cannot be read. Consumes stdin; call it once.
pub async fn stdin_closed() {
    let (closed, wait) = oneshot::channel();
    // A thread of its own, since a read from a pipe cannot be given up; it ends with the process.
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while !matches!(std::io::stdin().read(&mut buffer), Ok(0) | Err(_)) {}
        closed.send(())
    });
    let _ = wait.await;
}
