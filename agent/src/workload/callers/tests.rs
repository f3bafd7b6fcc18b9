//! Real processes and real sockets. The services are copies of this test program that run one test alone.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

/// Set for the copies: where to listen.
const ROLE: &str = "THROUGHLINE_TEST_CALLER";
/// Lines of the copies that are meant for the test begin with it; the test harness prints others.
const SAYS: &str = "caller says ";

/// What a copy does: listens, connects where it is told, and holds everything until its input ends.
#[test]
fn as_a_service() {
    let Ok(listen) = std::env::var(ROLE) else { return };
    let listener = TcpListener::bind(listen).unwrap();
    say(listener.local_addr().unwrap());
    let mut held = Vec::new();
    for line in std::io::stdin().lines() {
        let stream = TcpStream::connect(line.unwrap()).unwrap();
        say(stream.local_addr().unwrap());
        held.push(stream);
    }
}

fn say(address: SocketAddr) {
    let mut out = std::io::stdout();
    writeln!(out, "\n{SAYS}{address}").and_then(|()| out.flush()).unwrap();
}

/// A running copy.
struct Service {
    child: Child,
    out: BufReader<ChildStdout>,
    listens: SocketAddr,
}

impl Service {
    fn start(listen: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "workload::callers::tests::as_a_service", "--nocapture", "--test-threads=1"])
            .env(ROLE, listen)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let listens = heard(&mut out);
        Self { child, out, listens }
    }

    fn connect(&mut self, to: SocketAddr) -> SocketAddr {
        writeln!(self.child.stdin.as_mut().unwrap(), "{to}").unwrap();
        heard(&mut self.out)
    }

    fn at(&self, name: &str) -> ServiceAt {
        let upstream = (self.listens.ip().to_string(), self.listens.port());
        ServiceAt { name: name.into(), upstream, addresses: Vec::new() }
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn heard(out: &mut BufReader<ChildStdout>) -> SocketAddr {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the copy ended");
        if let Some(address) = line.trim().strip_prefix(SAYS) {
            return address.parse().unwrap();
        }
    }
}

fn opened(number: u32, peer: SocketAddr, local: SocketAddr) -> (Message, Arc<()>) {
    let alive = Arc::new(());
    (Message::Opened { number, watch: Arc::downgrade(&alive), peer, local }, alive)
}

#[test]
fn callers_are_the_processes_that_hold_the_sockets() {
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(proxy) = TcpListener::bind(host) else { continue };
        let local = proxy.local_addr().unwrap();
        let (mut shop, mut cart) = (Service::start(host), Service::start(host));
        let mut stranger = Service::start(host);
        let callers = Callers::default();
        let services = vec![shop.at("shop"), cart.at("cart")];
        let mut resolver = Resolver::new(services, callers.clone()).unwrap();
        let (from_shop, from_cart) = (shop.connect(local), cart.connect(local));
        let from_stranger = stranger.connect(local);
        let messages = [(1, from_shop), (2, from_cart), (3, from_stranger)];
        let (messages, _alive): (Vec<_>, Vec<_>) =
            messages.map(|(number, peer)| opened(number, peer, local)).into_iter().unzip();
        resolver.take(messages.into_iter());
        for (number, service, child) in [(1, 0, &shop), (2, 1, &cart)] {
            let caller = callers.caller(number).unwrap();
            let Owner::Process { service: found, process, epoch } = caller.owner else { unreachable!("{caller:?}") };
            assert_eq!((found, process.pid), (service, child.child.id()), "{host}");
            let (running, of_service) = callers.service(service, u64::MAX);
            assert_eq!((running, &of_service), (Some(process), &epoch), "one process listens, and it is the caller");
            assert_eq!(callers.service(service, process.started - 1), (None, None), "before it started");
        }
        assert_eq!(callers.caller(3).unwrap(), Caller { address: from_stranger, local, owner: Owner::Unknown });
        assert_eq!(callers.caller(4), None);
        [shop, cart, stranger].into_iter().for_each(Service::stop);
    }
}

#[test]
fn a_service_that_starts_later_or_again_is_another_epoch() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = proxy.local_addr().unwrap();
    let mut first = Service::start("127.0.0.1:0");
    let (listens, service) = (first.listens, first.at("shop"));
    let callers = Callers::default();
    let mut resolver = Resolver::new(vec![service], callers.clone()).unwrap();
    let (message, _alive) = opened(1, first.connect(local), local);
    resolver.take([message].into_iter());
    let (old, old_epoch) = callers.service(0, u64::MAX);
    first.stop();
    let mut second = Service::start(&listens.to_string());
    // The kernel tells starts by hundredths of a second.
    while Proc::system().unwrap().process(second.child.id()).unwrap().started == old.unwrap().started {
        second.stop();
        second = Service::start(&listens.to_string());
    }
    resolver.refreshed = None;
    let (message, _alive) = opened(2, second.connect(local), local);
    resolver.take([message].into_iter());
    let (new, new_epoch) = callers.service(0, u64::MAX);
    assert_ne!((old, &old_epoch), (new, &new_epoch));
    assert!(old.is_some() && new.is_some() && new_epoch.is_some());
    assert_eq!(callers.service(0, new.unwrap().started - 1), (old, old_epoch), "what ran before is remembered");
    assert!(matches!(callers.caller(2).unwrap().owner, Owner::Process { epoch, .. } if epoch == new_epoch));
    second.stop();
}

#[test]
fn services_come_and_go_and_keep_their_places() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = proxy.local_addr().unwrap();
    let (mut old, mut new) = (Service::start("127.0.0.1:0"), Service::start("127.0.0.1:0"));
    let callers = Callers::default();
    let mut resolver = Resolver::new(vec![old.at("shop")], callers.clone()).unwrap();
    callers.serve(vec![None, Some(new.at("cart"))]);
    let opened = [(1, old.connect(local)), (2, new.connect(local))];
    let (messages, _alive): (Vec<_>, Vec<_>) =
        opened.map(|(number, peer)| self::opened(number, peer, local)).into_iter().unzip();
    resolver.take(messages.into_iter());
    assert_eq!(callers.caller(1).unwrap().owner, Owner::Unknown, "nobody looks for the old one any more");
    assert!(matches!(callers.caller(2).unwrap().owner, Owner::Process { service: 1, .. }), "the new one is found");
    assert_eq!(callers.service(1, u64::MAX).0.unwrap().pid, new.child.id());
    [old, new].into_iter().for_each(Service::stop);
}

#[test]
fn a_process_or_address_of_several_services_is_none_of_them() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = proxy.local_addr().unwrap();
    let mut both = Service::start("127.0.0.1:0");
    let services = vec![
        both.at("shop"),
        both.at("cart"),
        ServiceAt { addresses: vec!["192.0.2.0/24".parse().unwrap()], ..elsewhere("a") },
        ServiceAt { addresses: vec!["192.0.2.7/32".parse().unwrap()], ..elsewhere("b") },
    ];
    let callers = Callers::default();
    let mut resolver = Resolver::new(services, callers.clone()).unwrap();
    let peers = [both.connect(local), "192.0.2.1:5".parse().unwrap(), "192.0.2.7:5".parse().unwrap()];
    let mapped = "[::ffff:192.0.2.1]:5".parse().unwrap();
    let numbered = peers.into_iter().chain([mapped]).zip(0..);
    let (messages, _alive): (Vec<_>, Vec<_>) = numbered.map(|(peer, number)| opened(number, peer, local)).unzip();
    resolver.take(messages.into_iter());
    let owners: Vec<Owner> = (0..4).map(|number| callers.caller(number).unwrap().owner).collect();
    let alone = Owner::Address { service: 2 };
    assert_eq!(owners, [Owner::Several, alone.clone(), Owner::Several, alone]);
    both.stop();
}

#[test]
fn connections_are_forgotten_when_they_are_over_and_calls_are_not_too_soon() {
    let callers = Callers::default();
    let mut resolver = Resolver::new(vec![elsewhere("shop")], callers.clone()).unwrap();
    let (peer, local) = ("127.0.0.1:5".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
    let (message, alive) = opened(1, peer, local);
    let called = Message::Called { service: 0, local: peer, callee: "[::ffff:127.0.0.1]:80".parse().unwrap() };
    resolver.take([message, called].into_iter());
    assert_eq!(callers.caller(1).unwrap().owner, Owner::Egress { service: 0 });
    resolver.forget();
    callers.table().calls.clear();
    assert_eq!(callers.caller(1).unwrap().owner, Owner::Egress { service: 0 }, "the connection lives on");
    drop(alive);
    resolver.forget();
    assert!(callers.caller(1).is_some(), "its last notes may be under way");
    resolver.forget();
    assert_eq!(callers.caller(1), None);
}

#[test]
fn what_is_remembered_has_a_bound() {
    let callers = Callers::default();
    let mut resolver = Resolver::new(vec![elsewhere("shop")], callers.clone()).unwrap();
    let (peer, local) = ("192.0.2.1:5".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
    let (message, alive) = opened(0, peer, local);
    let Message::Opened { watch, .. } = &message else { unreachable!() };
    let open = |number| Message::Opened { number, watch: watch.clone(), peer, local };
    resolver.take((0..MAX_CONNECTIONS as u32 + 10).map(open));
    assert_eq!(callers.table().connections.len(), MAX_CONNECTIONS);
    drop(alive);
    resolver.forget();
    resolver.forget();
    assert!(callers.table().connections.is_empty());
}

/// A service on no address of this machine (RFC 5737).
fn elsewhere(name: &str) -> ServiceAt {
    ServiceAt { name: name.into(), upstream: ("192.0.2.1".to_owned(), 80), addresses: Vec::new() }
}
