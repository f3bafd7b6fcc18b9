//! The whole exporter against a collector on a socket: what arrives, and that every span is accounted for.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod authority;
mod collector;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use self::authority::Authority;
use self::collector::{Collector, Reply};
use super::example::{edge, record};
use super::*;
use crate::config::export::{OtlpConfig, Secret};
use crate::trace::counts::DropReason;
use crate::trace::ids::SpanId;

const BOTH: [OtlpProtocol; 2] = [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc];
/// Longer than any test waits on a machine that does something else too.
const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    exporter: Exporter,
    counts: Arc<SpanCounts>,
}

fn otlp(protocol: OtlpProtocol, address: SocketAddr) -> OtlpConfig {
    let path = if protocol == OtlpProtocol::HttpProtobuf { "/v1/traces" } else { "" };
    OtlpConfig {
        protocol,
        endpoint: format!("http://{address}{path}").parse().unwrap(),
        headers: vec![("Authorization".to_owned(), Secret::new("key".to_owned()))],
        timeout: Duration::from_millis(300),
        gzip: false,
        certificate: None,
        client_identity: None,
    }
}

fn rig(otlp: OtlpConfig) -> Rig {
    let queue = QueueConfig {
        batch: 10,
        delay: Duration::from_millis(10),
        timeout: Duration::from_millis(1500),
        ..QueueConfig::default()
    };
    let config = ExportConfig { target: ExportTarget::Otlp(otlp), queue, ..ExportConfig::default() };
    let counts = Arc::new(SpanCounts::default());
    let exporter = start(config, Arc::clone(&counts), &Handle::current()).unwrap();
    Rig { exporter, counts }
}

impl Rig {
    /// Records up to `requests` of two spans each and returns the ids of those there was room for.
    fn offer(&self, requests: std::ops::Range<u64>) -> BTreeSet<SpanId> {
        let sink = self.exporter.sink();
        let offered = requests.filter(|_| sink.reserve(3).is_ok()).flat_map(|number| {
            let record = record(number, &edge(false));
            let ids = [record.server_id, record.attempts.iter().flatten().next().unwrap().id];
            self.counts.start(2);
            sink.deliver(record, 3);
            ids
        });
        offered.collect()
    }

    /// Waits until no span is on its way.
    async fn settle(&self) {
        self.wait(|rig| rig.counts.in_flight.get() == 0).await;
    }

    async fn wait(&self, until: impl Fn(&Self) -> bool) {
        let reached = async {
            while !until(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap();
        self.check();
    }

    fn check(&self) {
        let counts = &self.counts;
        let ended = counts.exported.get() + counts.rejected.get() + counts.dropped.total();
        assert_eq!(counts.started.get(), ended + counts.in_flight.get());
    }

    fn sample(&self, name: &str) -> u64 {
        let mut samples = Vec::new();
        self.exporter.samples(&mut samples);
        samples.iter().find(|sample| sample.name == name).unwrap().value
    }
}

fn ids(collector: &Collector) -> BTreeSet<SpanId> {
    collector.seen(|seen| seen.spans.iter().map(|span| SpanId::from_bytes(span.span_id).unwrap()).collect())
}

#[tokio::test]
async fn every_span_arrives_with_headers_and_path() {
    for protocol in BOTH {
        for gzip in [false, true] {
            let collector = Collector::start(protocol, &[Reply::Take]).await;
            let rig = rig(OtlpConfig { gzip, ..otlp(protocol, collector.address) });
            let offered = rig.offer(0..50);
            rig.settle().await;
            assert_eq!((ids(&collector), rig.counts.exported.get()), (offered, 100), "{protocol:?}");
            collector.seen(|seen| {
                assert_eq!(seen.authorization.as_deref(), Some("key"), "{protocol:?}");
                assert_eq!(seen.encoding.as_deref(), gzip.then_some("gzip"), "{protocol:?}");
                assert!(seen.paths.iter().all(|path| path == "/v1/traces"));
            });
        }
    }
}

#[tokio::test]
async fn answers_are_understood() {
    use DropReason::{Refused, RetriesExhausted};
    for protocol in BOTH {
        for (replies, exported, rejected, dropped, calls, reason) in [
            (&[Reply::Fail(503, None), Reply::Take][..], 6, 0, None, 2, "tried again"),
            (&[Reply::Fail(429, Some(1)), Reply::Take], 6, 0, None, 2, "tried again when told"),
            (&[Reply::Fail(429, Some(60))], 0, 0, Some(RetriesExhausted), 1, "told to wait too long"),
            (&[Reply::Fail(401, None)], 0, 0, Some(Refused), 1, "not worth a retry"),
            (&[Reply::Fail(400, None)], 0, 0, Some(Refused), 1, "not worth a retry"),
            (&[Reply::Reject(2)], 4, 2, None, 1, "partial success"),
            (&[Reply::Hang, Reply::Take], 6, 0, None, 2, "one hangs, the next does not"),
            (&[Reply::Hang], 0, 0, Some(RetriesExhausted), 3, "hangs for ever"),
        ] {
            let collector = Collector::start(protocol, replies).await;
            let rig = rig(otlp(protocol, collector.address));
            rig.offer(0..3);
            rig.settle().await;
            let counts = &rig.counts;
            let got = (counts.exported.get(), counts.rejected.get());
            assert_eq!(got, (exported, rejected), "{protocol:?}: {reason}");
            let lost = dropped.map_or(0, |reason| counts.dropped.get(reason));
            assert_eq!(lost, 6 - exported - rejected, "{protocol:?}: {reason}");
            let seen = collector.seen(|seen| seen.calls);
            assert!(seen >= calls.min(2) && (calls > 2 || seen == calls), "{protocol:?}: {reason}: {seen} calls");
        }
    }
}

#[tokio::test]
async fn a_collector_that_is_absent_opens_the_circuit() {
    for protocol in BOTH {
        let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let rig = rig(otlp(protocol, address));
        rig.offer(0..20);
        rig.wait(|rig| rig.sample("throughline_export_circuit_open") == 1).await;
        assert_eq!(rig.exporter.sink().reserve(3), Err(NoRoom::CircuitOpen));
        let counts = Arc::clone(&rig.counts);
        assert_eq!(counts.dropped.get(DropReason::RetriesExhausted), 20, "{protocol:?}: two batches");
        assert_eq!(counts.in_flight.get(), 20, "the rest is kept for trials");
        rig.exporter.shutdown(PATIENCE).await;
        assert_eq!((counts.dropped.total(), counts.in_flight.get(), counts.orphaned.get()), (40, 0, 20));
    }
}

#[tokio::test]
async fn a_collector_that_dies_loses_only_what_is_counted() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, &[Reply::Take]).await;
        let rig = rig(otlp(protocol, collector.address));
        let first = rig.offer(0..10);
        rig.settle().await;
        assert_eq!((&ids(&collector), rig.counts.exported.get()), (&first, 20));
        collector.die();
        rig.offer(10..40);
        let counts = Arc::clone(&rig.counts);
        rig.check();
        rig.exporter.shutdown(Duration::from_millis(200)).await;
        assert_eq!((counts.in_flight.get(), counts.exported.get()), (0, ids(&collector).len() as u64));
        assert_eq!(counts.started.get(), counts.exported.get() + counts.dropped.total(), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_shutdown_delivers_what_waits() {
    for protocol in BOTH {
        let collector = Collector::start(protocol, &[Reply::Take]).await;
        let rig = rig(otlp(protocol, collector.address));
        let offered = rig.offer(0..101);
        let (counts, sink) = (Arc::clone(&rig.counts), rig.exporter.sink());
        rig.exporter.shutdown(PATIENCE).await;
        assert_eq!((ids(&collector), counts.exported.get(), counts.in_flight.get()), (offered, 202, 0));
        assert_eq!(sink.reserve(1), Err(NoRoom::Off));
    }
}

#[tokio::test]
async fn certificates_are_checked_both_ways() {
    let authority = Authority::new();
    let (ca, identity) = (authority.file("ca.pem"), (authority.file("client.pem"), authority.file("client.key")));
    for protocol in BOTH {
        for (certificate, client_identity, arrives, reason) in [
            (Some(&ca), Some(&identity), true, "both sides know each other"),
            (None, Some(&identity), false, "an authority that the system does not know"),
            (Some(&ca), None, false, "a client that the server does not know"),
        ] {
            let collector = Collector::start_tls(protocol, &authority).await;
            let mut otlp = otlp(protocol, collector.address);
            otlp.endpoint.set_scheme("https").unwrap();
            otlp.endpoint.set_host(Some("localhost")).unwrap();
            otlp.timeout = PATIENCE;
            (otlp.certificate, otlp.client_identity) = (certificate.cloned(), client_identity.cloned());
            let rig = rig(otlp);
            let offered = rig.offer(0..3);
            rig.settle().await;
            assert_eq!(ids(&collector) == offered, arrives, "{protocol:?}: {reason}");
            assert_eq!(rig.counts.exported.get() == 6, arrives, "{protocol:?}: {reason}");
        }
    }
}

#[tokio::test]
async fn destinations() {
    let checkly = OtlpConfig {
        endpoint: "https://otel.eu-west-1.checklyhq.com/v1/traces".parse().unwrap(),
        ..otlp(OtlpProtocol::HttpProtobuf, "127.0.0.1:1".parse().unwrap())
    };
    assert!(!rig(checkly).exporter.takes_unmarked());
    let config = ExportConfig::default();
    let off = start(config, Arc::default(), &Handle::current()).unwrap();
    assert_eq!(off.sink().reserve(1), Err(NoRoom::Off));
    off.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn own_metrics_arrive() {
    use crate::config::export::MetricsConfig;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (send, mut bodies) = tokio::sync::mpsc::unbounded_channel();
    let take = move |body: bytes::Bytes| async move { send.send(body).is_ok().to_string() };
    let app = axum::Router::new().route("/v1/metrics", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let endpoint = format!("http://{address}/v1/metrics").parse().unwrap();
    let otlp = OtlpConfig { endpoint, timeout: PATIENCE, ..otlp(OtlpProtocol::HttpProtobuf, address) };
    let counts = Arc::new(SpanCounts::default());
    counts.start(42);
    let export =
        metrics::start(MetricsConfig { name: None, otlp, interval: PATIENCE }, &[], counts, &Handle::current())
            .unwrap();
    export.shutdown(PATIENCE).await;
    let body = bodies.recv().await.unwrap();
    let holds = |word: &str| body.windows(word.len()).any(|window| window == word.as_bytes());
    assert!(holds("throughline_spans_started") && holds("retries_exhausted") && holds("service.name"));
}
