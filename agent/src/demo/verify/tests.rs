//! A world in which all is right passes; each single thing that is wrong in it is found.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Evidence, Unmarked, verify};
use crate::demo::plan::{Lines, MARK, Manner, Manners, Random, Request, SERVICES, requests};
use crate::demo::waterfall::{compute, hex};
use crate::export::decode::{Kind, ReceivedSpan, Status, Value};
use crate::trace::ids::SpanId;

struct World {
    requests: Vec<Request>,
    answers: BTreeMap<u32, u16>,
    logs: BTreeMap<&'static str, String>,
    spans: Vec<ReceivedSpan>,
    bodies: Vec<u8>,
    killed: Option<&'static str>,
    manners: Manners,
}

/// What services, proxies and collector do when all is right.
fn world(killed: Option<&'static str>, seed: u64) -> World {
    let mut random = Random(u64::MAX);
    let mut world = World {
        requests: requests(60, 1),
        answers: BTreeMap::new(),
        logs: SERVICES.into_iter().map(|service| (service, String::new())).collect(),
        spans: Vec::new(),
        bodies: Vec::new(),
        killed,
        manners: Manners::of(seed),
    };
    for request in world.requests.clone() {
        let hops = request.hops();
        let dead = hops.iter().position(|hop| Some(hop.service) == killed);
        let status = if dead.is_some() { 502 } else { 200 };
        world.answers.insert(request.number, status);
        let mut parent = request.mark.map(|mark| *mark.parent_id.bytes());
        let mut sent = request.context.clone();
        for (n, hop) in hops.iter().enumerate().take_while(|(n, _)| dead.is_none_or(|dead| *n <= dead)) {
            if let Some(mark) = request.mark.filter(|_| sent.tracestate == [MARK]) {
                let trace = *mark.trace_id.bytes();
                let [server, attempt] = [(); 2].map(|()| *SpanId::random(&mut random).bytes());
                world.spans.push(span(trace, server, parent, hop.service, Kind::Server, &hop.path, Some(status)));
                let answered = (dead != Some(n)).then_some(status);
                world.spans.push(span(trace, attempt, Some(server), hop.service, Kind::Internal, "", answered));
                world.bodies.extend(trace.into_iter().chain(attempt));
                sent.traceparent = vec![format!("00-{}-{}-01", hex(&trace), hex(&attempt))];
                parent = Some(attempt);
            }
            if dead != Some(n) {
                let Lines { traceparent, tracestate } = &sent;
                let line = serde_json::json!({
                    "service": hop.service, "path": hop.path, "traceparent": traceparent, "tracestate": tracestate,
                });
                *world.logs.get_mut(hop.service).unwrap() += &format!("{line}\n");
            }
            sent = world.manners.at(hop.service).sends(&sent);
        }
    }
    world
}

fn span(
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_id: Option<[u8; 8]>,
    service: &str,
    kind: Kind,
    path: &str,
    status: Option<u16>,
) -> ReceivedSpan {
    let status = status.map(|status| ("http.response.status_code".to_owned(), Value::Int(status.into())));
    let path = ("url.path".to_owned(), Value::Text(path.to_owned()));
    ReceivedSpan {
        service: service.to_owned(),
        resource: Arc::default(),
        trace_id,
        span_id,
        parent_id,
        name: "GET".to_owned(),
        kind,
        start_unix_nano: 1,
        end_unix_nano: 2,
        status: Status::Unset,
        attributes: status.into_iter().chain([path]).collect(),
        trace_state: MARK.to_owned(),
        flags: 1,
    }
}

fn judge(world: &World) -> (Unmarked, Vec<String>) {
    let evidence = Evidence {
        requests: &world.requests,
        answers: &world.answers,
        logs: &world.logs,
        spans: &world.spans,
        bodies: &world.bodies,
        killed: world.killed,
        manners: world.manners,
    };
    let waterfalls: Vec<_> = world
        .requests
        .iter()
        .filter_map(|request| request.mark)
        .map(|mark| {
            let spans: Vec<_> = world.spans.iter().filter(|span| span.trace_id == *mark.trace_id.bytes()).collect();
            compute(mark.trace_id.bytes(), &spans, Some(*mark.parent_id.bytes()))
        })
        .collect();
    verify(&evidence, &waterfalls)
}

#[test]
fn a_right_world_passes() {
    for (killed, seed) in
        [None, Some("shop"), Some("cart"), Some("stock")].into_iter().flat_map(|k| (1..=8).map(move |s| (k, s)))
    {
        let (unmarked, wrong) = judge(&world(killed, seed));
        assert_eq!(wrong, Vec::<String>::new(), "{killed:?} killed, seed {seed}");
        assert_eq!((unmarked.sent, unmarked.answered, unmarked.spans), (36, 36, 0), "{killed:?} killed");
        assert_eq!(unmarked.arrived, unmarked.due, "{killed:?} killed");
        assert_eq!(unmarked.untouched, unmarked.due, "{killed:?} killed");
    }
    assert!(judge(&world(None, 1)).0.due > 72, "36 requests, each through two or three services");
}

/// A seed with which stock, which only others call in these tests, sees whole traces: cart and shop's faults show.
fn seed_where(service: &str, manner: Manner) -> u64 {
    (1..100).find(|seed| Manners::of(*seed).at(service) == manner).unwrap()
}

#[test]
fn each_fault_is_found() {
    type Fault = fn(&mut World);
    let table: &[(&str, Fault)] = &[
        ("a SERVER span is missing", |world| drop(world.spans.remove(0))),
        ("an attempt is missing", |world| drop(world.spans.remove(1))),
        ("no spans at all", |world| world.spans.clear()),
        ("a span of an unmarked request", |world| world.spans.first_mut().unwrap().trace_id = [7; 16]),
        ("a span more, hanging from nothing", |world| {
            let mut more = world.spans.first().unwrap().clone();
            (more.span_id, more.parent_id) = ([7; 8], Some([6; 8]));
            world.spans.push(more);
        }),
        ("another service's span", |world| world.spans.first_mut().unwrap().service = "bank".to_owned()),
        ("a lost tracestate", |world| world.spans.first_mut().unwrap().trace_state.clear()),
        ("another status on the span", |world| world.spans.first_mut().unwrap().attributes.clear()),
        ("an attempt whose id the service never saw", |world| {
            let attempt = world.spans.get_mut(1).unwrap();
            attempt.span_id = [7; 8];
            world.bodies.extend([7; 8]);
        }),
        ("an id that the collector did not receive", |world| world.bodies.clear()),
        ("a request without an answer", |world| world.answers.retain(|&number, _| number != 1)),
        ("a request that failed", |world| world.answers.extend([(1, 502)])),
        ("an arrival that was not logged", |world| world.logs.get_mut("stock").unwrap().clear()),
        ("a context changed on its way", |world| {
            let log = world.logs.get_mut("stock").unwrap();
            *log = log.replace("checkly=truex", "checkly=true");
        }),
        ("a log that cannot be read", |world| world.logs.get_mut("cart").unwrap().push_str("{\n")),
        ("a service that breaks the trace did not", |world| {
            let copies = seed_where("cart", Manner::Copies);
            world.manners = Manners::of(copies);
        }),
        ("an arrival logged twice", |world| {
            let log = world.logs.get_mut("shop").unwrap();
            *log += &log.clone();
        }),
    ];
    for (fault, sabotage) in table {
        let mut world = world(None, seed_where("shop", Manner::Copies));
        sabotage(&mut world);
        assert!(!judge(&world).1.is_empty(), "{fault}");
    }
}
