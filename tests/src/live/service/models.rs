//! The three shapes of services that block.

use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

use super::Options;
use super::blocking::{Connection, Service};

/// Threads of the pool: more than the load has connections, as one that waits for a request on a kept connection is
/// taken.
const POOL: usize = 12;
/// Processes that are forked ahead, each of which serves a connection to its end: one for each that the load keeps, and
/// two that take turns at the others, so that these are given enough to show how they work.
const FORKED: usize = 6;

/// A thread for each connection.
pub(super) fn threads(options: &Options, listener: &TcpListener, said: impl FnOnce()) {
    let service = started(options, true);
    said();
    for stream in listener.incoming().flatten() {
        let service = Arc::clone(&service);
        std::thread::spawn(move || {
            let mut connection = Connection::new(stream);
            while let Ok(true) = service.serve(&mut connection) {}
        });
    }
}

/// Threads that take connections in turn, for one request each.
pub(super) fn pool(options: &Options, listener: &TcpListener, said: impl FnOnce()) {
    let service = started(options, true);
    let (sender, waiting) = channel::<Connection>();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..POOL {
        let (service, waiting, back) = (Arc::clone(&service), Arc::clone(&waiting), sender.clone());
        std::thread::spawn(move || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(mut connection) = next else { return };
                if let Ok(true) = service.serve(&mut connection) {
                    let _ = back.send(connection);
                }
            }
        });
    }
    said();
    for stream in listener.incoming().flatten() {
        let _ = sender.send(Connection::new(stream));
    }
}

/// Processes that share the socket, each with one thread. This one waits for them.
///
/// # Panics
/// When they cannot be started.
pub(super) fn forked(_: &Options, listener: &TcpListener, said: impl FnOnce()) {
    let own = std::env::current_exe().expect("a running program has a file");
    let mut children = Vec::new();
    for _ in 0..FORKED {
        let socket: OwnedFd = listener.try_clone().expect("a descriptor").into();
        let mut command = Command::new(&own);
        command.args(std::env::args_os().skip(1)).arg("--inherited").stdin(Stdio::from(socket));
        children.push(command.spawn().expect("a child"));
    }
    said();
    for mut child in children {
        let _ = child.wait();
    }
}

/// One of them: a connection at a time, to its end, and a connection of its own for each call.
///
/// # Panics
/// When standard input is no socket.
pub(super) fn forked_child(options: &Options) {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("standard input is the listener");
    let service = started(options, false);
    for stream in TcpListener::from(socket).incoming().flatten() {
        let mut connection = Connection::new(stream);
        while let Ok(true) = service.serve(&mut connection) {}
    }
}

fn started(options: &Options, keeps: bool) -> Arc<Service> {
    let service = Arc::new(Service::new(options, keeps));
    if options.polls > 0.0 {
        let (service, rate) = (Arc::clone(&service), options.polls);
        std::thread::spawn(move || service.poll(rate));
    }
    service
}
