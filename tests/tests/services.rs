//! The small services of the live suites do what they are told: what their calls bear is compared with what the load
//! says is true. Without an agent.

use std::process::Command;

use throughline_tests::binary::Binary;
use throughline_tests::live::agent::{beside_agent, until_listening};
use throughline_tests::live::cell::{Cell, MODES, Mode, Server};
use throughline_tests::live::drive::{Driven, Load, Planned, drive, plan};
use throughline_tests::live::service::MODELS;
use throughline_tests::random::Random;
use throughline_tests::upstream::Seen;
use throughline_tests::{Answer, Upstream, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_does_what_each_mode_says() {
    let mut random = Random::for_suite("every_shape_does_what_each_mode_says");
    for (_, model) in MODELS {
        for mode in MODES {
            let cell = Cell { server: Server::Own(model), mode };
            let stock = Upstream::start(|_| Answer::ok()).await;
            let mut command = Command::new(beside_agent("live_service"));
            command.args(["--model", cell.server.name(), "--calls", &format!("{}/stock", stock.addr())]);
            command.args(mode.options());
            let mut service = Binary::of(command);
            let address = until_listening(&mut service).await;
            let load = Load { seconds: 0.7, marked: 16, noise: 30.0 };
            let driven = drive(address, plan(&mut random, load)).await;
            assert_eq!(driven.statuses().into_keys().collect::<Vec<_>>(), [200], "{}", cell.name());
            judge(&cell, &driven, &stock).await;
        }
    }
}

async fn judge(cell: &Cell, driven: &Driven, stock: &Upstream) {
    let name = cell.name();
    let calls = |path: &str| -> Vec<Seen> {
        let identifier = path.rsplit('/').next().unwrap_or_default().to_owned();
        stock.seen().into_iter().filter(|seen| seen.head.path() == format!("/stock/{identifier}")).collect()
    };
    let mut stale = Vec::new();
    for (request, _) in driven.requests.iter().filter(|(request, _)| request.path != "/health") {
        let seen = eventually("the call of a request", || calls(&request.path).pop()).await;
        assert_eq!(calls(&request.path).len(), 1, "{name}: one call for {}", request.path);
        let (parent, state) = (seen.head.values("traceparent"), seen.head.values("tracestate"));
        let (sent_parent, sent_state) = (sent(request, "traceparent"), sent(request, "tracestate"));
        match cell.mode {
            Mode::Forward | Mode::Polls => assert_eq!((parent, state), (sent_parent, sent_state), "{name}"),
            Mode::Traceparent => assert_eq!((parent, state), (sent_parent, Vec::new()), "{name}"),
            Mode::Drop | Mode::After => assert_eq!((parent, state), (Vec::new(), Vec::new()), "{name}"),
            Mode::Restart => {
                assert_eq!((parent.len(), state.len()), (1, 0), "{name}");
                assert!(!sent_parent.contains(&parent.concat()), "{name}: a trace of its own");
            }
            Mode::Stale => stale.push((parent, state)),
        }
    }
    // Before the first context there is none to keep; then each process keeps its own.
    stale.retain(|(parent, _)| !parent.is_empty());
    let calls = stale.len();
    stale.sort();
    stale.dedup();
    assert!(stale.len() <= 10 && (cell.mode != Mode::Stale || calls > stale.len()), "{name}: {stale:?}");
    if cell.mode == Mode::Polls {
        let made = driven.requests.iter().filter(|(request, _)| request.path != "/health").count();
        eventually("a call that belongs to no request", || (stock.count() > made).then_some(())).await;
    }
}

/// The lines of a request as it was sent.
fn sent(request: &Planned, name: &str) -> Vec<String> {
    request.lines.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.clone()).collect()
}
