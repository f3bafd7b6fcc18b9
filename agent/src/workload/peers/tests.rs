//! Ends that were observed by table; sockets that were not, on this machine.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use std::net::{TcpListener, TcpStream};

use super::*;
use crate::gap::observation::Process;
use crate::workload::identity::identify;

/// A process of this service in this network namespace.
fn identity(service: &str, pid: u32, leader: u32, network: u64) -> Arc<Identity> {
    let process = |pid| Process { pid, started: 1 };
    let own = identify(std::process::id()).unwrap();
    let epoch = format!("{service} 1").into();
    let (process, leader) = (process(pid), process(leader));
    Arc::new(Identity { process, leader, service: service.into(), epoch, network, ..own })
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Why, the ends that were observed, the pair that is asked for, and what is found: service and process.
type Row<'a> = (&'a str, Vec<(&'a Arc<Identity>, SocketAddr, SocketAddr)>, Pair, Option<&'a str>, Option<u32>);

#[test]
fn the_two_ends_of_a_connection_meet() {
    let (shop, cart) = (identity("shop", 10, 10, 1), identity("cart", 20, 20, 1));
    let elsewhere = identity("cart", 30, 30, 2);
    let worker = identity("cart", 21, 20, 1);
    let (here, there) = (address("127.0.0.1:4000"), address("127.0.0.1:80"));
    let (pod, service) = (address("10.1.0.2:4000"), address("10.1.0.3:80"));
    let mapped = address("[::ffff:10.1.0.3]:80");
    let rows: [Row<'_>; 7] = [
        ("observed at both ends", vec![(&cart, there, here)], (here, there), Some("cart"), Some(20)),
        ("loopback of another network", vec![(&elsewhere, there, here)], (here, there), None, None),
        ("another network", vec![(&elsewhere, service, pod)], (pod, service), Some("cart"), Some(30)),
        ("a mapped address", vec![(&elsewhere, mapped, pod)], (pod, service), Some("cart"), Some(30)),
        ("siblings", vec![(&cart, service, pod), (&worker, service, pod)], (pod, service), Some("cart"), None),
        ("two services", vec![(&cart, service, pod), (&elsewhere, service, pod)], (pod, service), None, None),
        ("another port", vec![(&cart, service, pod)], (address("10.1.0.2:4001"), service), None, None),
    ];
    for (reason, ends, (local, remote), expected, process) in rows {
        let mut peers = Peers::default();
        for (number, (holder, local, remote)) in (1..).zip(ends) {
            peers.opened(number, holder, local, remote);
        }
        let peer = peers.other_end(&shop, local, remote);
        assert_eq!(peer.service.as_deref(), expected, "{reason}");
        assert_eq!(peer.process.map(|process| process.pid), process, "{reason}");
        assert_eq!(peer.address, Some(remote), "{reason}");
        assert_eq!(peer.resolved == Resolved::Socket, expected.is_some(), "{reason}");
    }
}

#[test]
fn an_end_that_is_over_counts_until_its_ports_are_used_again() {
    let (shop, cart, billing) =
        (identity("shop", 10, 10, 1), identity("cart", 20, 20, 1), identity("billing", 30, 30, 1));
    let (local, remote) = (address("10.1.0.2:4000"), address("10.1.0.3:80"));
    let mut peers = Peers::default();
    peers.opened(1, &cart, remote, local);
    peers.closed(1);
    peers.closed(1);
    assert_eq!(peers.other_end(&shop, local, remote).service.as_deref(), Some("cart"));
    peers.opened(2, &billing, remote, local);
    assert_eq!(peers.other_end(&shop, local, remote).service.as_deref(), Some("billing"));
    // The same connection, used by another process.
    peers.opened(2, &cart, remote, local);
    assert_eq!(peers.other_end(&shop, local, remote).service.as_deref(), Some("cart"));
    // It is called otherwise by now.
    peers.know(&[identity("basket", 20, 20, 1)]);
    assert_eq!(peers.other_end(&shop, local, remote).service.as_deref(), Some("basket"));
    // The same number, another connection.
    peers.opened(2, &cart, address("10.1.0.3:81"), local);
    assert_eq!(peers.by_pair.len(), 2);
    for (at, _) in &mut peers.closed {
        *at -= AFTERWARDS;
    }
    peers.closed(2);
    assert_eq!((peers.ends.len(), peers.by_pair.len(), peers.closed.len()), (1, 1, 1), "what is over is forgotten");
}

#[test]
fn what_is_remembered_has_a_bound() {
    let cart = identity("cart", 20, 20, 1);
    let mut peers = Peers::default();
    for number in 0..MAX_CONNECTIONS as u64 + 10 {
        let remote = SocketAddr::new([10, 0, (number >> 16) as u8, 1].into(), number as u16);
        peers.opened(number, &cart, address("10.1.0.3:80"), remote);
    }
    assert_eq!(peers.ends.len(), MAX_CONNECTIONS);
    for number in 0..10 {
        peers.closed(number);
    }
    peers.opened(u64::MAX, &cart, address("10.1.0.3:80"), address("10.9.9.9:1"));
    assert!(peers.ends.contains_key(&u64::MAX), "those that are over make room");
}

#[test]
fn sockets_of_this_process_are_the_agents() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (local, remote) = (client.peer_addr().unwrap(), client.local_addr().unwrap());
    // As a watched service sees a connection from a proxy of this agent.
    let shop = Arc::new(Identity { process: Process { pid: 1, started: 1 }, ..identify(std::process::id()).unwrap() });
    let mut peers = Peers::default();
    let peer = peers.other_end(&shop, local, remote);
    assert_eq!((peer.resolved, peer.service, peer.process), (Resolved::Proxy, None, None));
    let nobody = peers.other_end(&shop, local, address("127.0.0.1:1"));
    assert_eq!(nobody.resolved, Resolved::Unknown);
}

#[test]
fn a_watched_process_is_found_by_its_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read -r line <&3");
    let Ok(mut child) = std::process::Command::new("bash").args(["-c", &script]).spawn() else { return };
    let (stream, remote) = listener.accept().unwrap();
    let local = stream.local_addr().unwrap();
    let bash = Arc::new(identify(child.id()).unwrap());
    let shop = Arc::new(Identity { process: Process { pid: 1, started: 1 }, ..Identity::clone(&bash) });
    let mut peers = Peers::default();
    peers.know(&[Arc::clone(&bash)]);
    let peer = peers.other_end(&shop, local, remote);
    drop(stream);
    child.wait().unwrap();
    assert_eq!((peer.resolved, peer.process), (Resolved::Socket, Some(bash.process)));
    assert_eq!(peer.epoch.as_deref(), Some(&*bash.epoch));
}
