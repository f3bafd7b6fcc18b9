//! The recording as a file, what is kept in memory, and what is lost under a flood.

use std::collections::HashSet;

use throughline::config::ObserveConfig;
use throughline::gap::observation::Completeness;
use throughline_tests::agent::sum;
use throughline_tests::binary::Binary;
use throughline_tests::client::get;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::{Agent, Client, Upstream, ask, eventually};

use super::{read, recorded, to};

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_write_one_recording_and_their_observations_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let upstream = Upstream::ok().await;
    let url = format!("http://{}", upstream.addr());
    let file = path.display().to_string();
    for _ in 0..2 {
        let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none", "--observe", &file];
        let mut binary = Binary::start(&args);
        ask(binary.proxy().await, &get("/", &[])).await;
        binary.signal("TERM");
        assert!(binary.finished().await.status.success());
    }
    let seen = recorded(&path);
    let sources: HashSet<_> = seen.iter().map(|seen| (seen.origin.name.clone(), seen.origin.sequence)).collect();
    assert_eq!((seen.len(), sources.len()), (2, 2), "no two observations have the same name and number");
    assert_eq!(seen[0].origin.clock, seen[1].origin.clock, "one machine");
    std::fs::write(&path, "my notes\n").expect("a file");
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none", "--observe", &file];
    let refused = Binary::start(&args).finished().await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stderr.contains("--observe") && refused.stderr.lines().count() == 1, "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "my notes\n", "nothing is overwritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_observations_are_kept_in_memory() {
    let upstream = Upstream::ok().await;
    let agent = Agent::without_export(upstream.addr(), |config| config.observe = Some(ObserveConfig::default())).await;
    ask(agent.addr(), &get("/a", &[])).await;
    ask(agent.addr(), &get("/b", &[])).await;
    let header = br#"{"schema":"throughline.observations","version":1}"#;
    let kept = |since| read(&[header, b"\n".as_slice(), &agent.recent(since)].concat()).0;
    let both = eventually("both to be kept", || Some(kept(0)).filter(|kept| kept.len() == 2)).await;
    let end = both[1].end.expect("an end");
    assert_eq!(kept(end).len(), 1, "those that were not over by then");
    assert_eq!(kept(end + 1).len(), 0);
    assert!(agent.count("throughline_recent_bytes", &[]) > 0);
    assert_eq!(agent.count("throughline_recent_dropped", &[]), 0);
}

/// Rings of eight notes hold what comes in a fifth of a second only by luck.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_counted_and_stands_in_the_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let upstream = Upstream::ok().await;
    let agent = Agent::without_export(upstream.addr(), |config| {
        config.observe = to(&path).map(|observe| ObserveConfig { ring: 8, ..observe });
    });
    let agent = agent.await;
    let mut client = Client::connect(agent.addr()).await;
    let mut sent = 0;
    for round in 0..400 {
        let request = if round % 10 == 0 { marked_get("/x", &Traceparent::fresh(1)) } else { get("/x", &[]) };
        client.send(&request).await;
        client.answer_to(&request).await;
        sent += 1;
    }
    let samples = agent.stop_counted().await;
    let observed = sum(&samples, "throughline_observations", &[]);
    let lost = sum(&samples, "throughline_observations_lost", &[("reason", "ring_full")]);
    assert_eq!(sum(&samples, "throughline_observations", &[("kind", "sighting")]), 40, "marked ones go another way");
    assert!(lost > 0, "a flood for such a ring");
    assert_eq!(observed + lost, sent);
    let seen = recorded(&path);
    let (whole, markers): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| seen.completeness == Completeness::Whole);
    assert_eq!(whole.len() as u64, observed);
    assert!(!markers.is_empty(), "a replay knows that something is missing");
    assert!(markers.iter().all(|marker| marker.completeness == Completeness::Lost && &*marker.service == "shop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_have_a_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let upstream = Upstream::ok().await;
    let agent = Agent::without_export(upstream.addr(), |config| config.observe = to(&path)).await;
    let mut client = Client::connect(agent.addr()).await;
    let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
    for n in 0..1100 {
        let request = get(&format!("/{}{}{}", letter(n / 676), letter(n / 26), letter(n)), &[]);
        client.send(&request).await;
        client.answer_to(&request).await;
    }
    let samples = agent.stop_counted().await;
    let routes: HashSet<_> = recorded(&path).iter().map(|seen| seen.route.to_string()).collect();
    assert!(routes.len() == 1001 && routes.contains("{other}"), "{} routes", routes.len());
    assert_eq!(sum(&samples, "throughline_observed_routes_unnamed", &[]), 100);
}
