//! Admission by source: marks that do not count cannot use up what is there for those that do.

use throughline::trace::admission::AdmissionConfig;
use throughline_tests::{Expect, Scene};

use super::{Line, lines};

const MARKED: [Line<'static>; 2] = [("traceparent", b"00-TRACE-SPAN-00"), ("tracestate", b"checkly=true")];
const TRUSTED: &[u8] = b"203.0.113.7";
const STRANGER: &[u8] = b"198.51.100.1";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_strangers_takes_nothing_from_trusted_sources() {
    let scene = Scene::with(|config| {
        let proxy = &mut config.proxies[0];
        proxy.trust = vec!["203.0.113.0/24".parse().expect("a range")];
        proxy.trusted_hops = vec!["127.0.0.0/8".parse().expect("a range")];
        proxy.admission = Some(AdmissionConfig { rate: 0.0001, burst: 2, ..AdmissionConfig::default() });
    })
    .await;
    let from = |address: &'static [u8]| {
        let mut row = lines(&MARKED);
        row.push(("x-forwarded-for", address.to_vec()));
        row
    };
    for number in 0..40 {
        scene.judge("a stranger", &format!("/stranger/{number}"), &from(STRANGER), Expect::Forward).await;
    }
    scene.judge("first of the burst", "/1", &from(TRUSTED), Expect::Continue(1)).await;
    scene.judge("a stranger in between", "/2", &from(STRANGER), Expect::Forward).await;
    scene.judge("second of the burst", "/3", &from(TRUSTED), Expect::Continue(1)).await;
    scene.judge("the trusted bucket has an end too", "/4", &from(TRUSTED), Expect::Forward).await;
    let admissions = |outcome| scene.agent.count("throughline_admissions", &[("outcome", outcome)]);
    assert_eq!((admissions("new"), admissions("over_rate")), (2, 1), "strangers are never weighed");
    assert_eq!(scene.agent.count("throughline_requests", &[("mark", "untrusted")]), 41);
    assert_eq!(scene.agent.count("throughline_requests", &[("mark", "trusted")]), 3);
    scene.finish(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_recorded_without_a_mark_need_no_admission() {
    use throughline::trace::decision::RecordMode;
    let scene = Scene::with(|config| {
        config.proxies[0].record = RecordMode::All;
        config.proxies[0].admission = Some(AdmissionConfig { rate: 0.0001, burst: 1, ..AdmissionConfig::default() });
    })
    .await;
    for number in 0..5 {
        scene.judge("unmarked", &format!("/{number}"), &lines(&MARKED[..1]), Expect::Continue(0)).await;
    }
    assert_eq!(scene.agent.count("throughline_admissions", &[]), 0);
    scene.finish(10).await;
}
