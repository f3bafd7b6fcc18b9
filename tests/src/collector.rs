//! An OTLP collector that decodes what it receives, over HTTP and gRPC, and misbehaves on request. It remembers spans
//! only of requests that it acknowledged.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use throughline::config::export::{OtlpConfig, OtlpProtocol};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;

use crate::agent::{background_runtime, otlp};
use crate::span::Span;
use crate::wait::eventually;

/// How the collector treats an export request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Takes all of it.
    Accept,
    /// Never answers.
    Hang,
    /// Answers with this HTTP status (over gRPC: `Unavailable`).
    Fail(u16),
    /// Answers 429 with this `Retry-After` in seconds (over gRPC: `ResourceExhausted` without details).
    Throttle(u64),
    /// Takes all but this many spans and says so.
    Reject(usize),
    /// Takes all of it after a while.
    Late(Duration),
}

/// One export request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its headers; of the last line where a name occurs twice.
    pub headers: BTreeMap<String, String>,
    /// Its body before decompression; empty over gRPC.
    pub body: Vec<u8>,
    /// How many spans it held.
    pub spans: usize,
    /// How it was treated.
    pub reply: Reply,
    /// When it came.
    pub at: Instant,
}

/// A listening collector. It dies, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Collector {
    http: SocketAddr,
    grpc: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Memory {
    script: Vec<Reply>,
    otherwise: Reply,
    received: Vec<Received>,
    spans: Vec<Span>,
    rejected: u64,
}

#[derive(Debug, Clone)]
struct Service(Arc<Mutex<Memory>>);

impl Collector {
    /// One that accepts everything.
    pub async fn start() -> Self {
        Self::replying(Reply::Accept).await
    }

    /// One that treats every request so.
    ///
    /// # Panics
    /// When no port can be had.
    #[expect(clippy::unused_async, reason = "the callers treat every part of a scene alike")]
    pub async fn replying(otherwise: Reply) -> Self {
        let memory = Memory { script: Vec::new(), otherwise, received: Vec::new(), spans: Vec::new(), rejected: 0 };
        let memory = Arc::new(Mutex::new(memory));
        let runtime = background_runtime("collector");
        let (http, grpc) = (bind(), bind());
        let addrs = [&http, &grpc].map(|listener| listener.local_addr().expect("a bound socket has an address"));
        runtime.spawn(serve_http(http, Service(Arc::clone(&memory))));
        runtime.spawn(serve_grpc(grpc, Service(Arc::clone(&memory))));
        Self { http: addrs[0], grpc: addrs[1], memory, runtime: Some(runtime) }
    }

    /// From now on, every request is treated so.
    pub fn reply(&self, otherwise: Reply) {
        let mut memory = self.memory.lock().unwrap();
        memory.script.clear();
        memory.otherwise = otherwise;
    }

    /// The next requests are treated so, one each; the ones after them as before.
    pub fn next_replies(&self, replies: &[Reply]) {
        self.memory.lock().unwrap().script = replies.iter().rev().copied().collect();
    }

    /// Goes away with all connections; what was recorded stays.
    pub fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// How to export to it.
    #[must_use]
    pub fn otlp(&self, protocol: OtlpProtocol) -> OtlpConfig {
        match protocol {
            OtlpProtocol::HttpProtobuf => otlp(protocol, &format!("http://{}/v1/traces", self.http)),
            OtlpProtocol::Grpc => otlp(protocol, &format!("http://{}", self.grpc)),
        }
    }

    /// The value of `OTEL_EXPORTER_OTLP_ENDPOINT` for it, over HTTP.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Every acknowledged span.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.memory.lock().unwrap().spans.clone()
    }

    /// The acknowledged spans of one trace, oldest start first.
    #[must_use]
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let mut spans: Vec<Span> = self.spans().into_iter().filter(|span| span.trace_id() == trace_id).collect();
        spans.sort_by_key(|span| span.raw.start_time_unix_nano);
        spans
    }

    /// The SERVER span and the attempt spans of a trace that one request made, once there are `count` spans.
    ///
    /// # Panics
    /// When there are other spans or they do not come.
    pub async fn request(&self, trace_id: &str, count: usize) -> (Span, Vec<Span>) {
        let spans = eventually(&format!("{count} spans of trace {trace_id}"), || {
            let spans = self.trace(trace_id);
            (spans.len() >= count).then_some(spans)
        })
        .await;
        assert_eq!(spans.len(), count, "spans of trace {trace_id}: {spans:#?}");
        let (mut servers, attempts): (Vec<_>, Vec<_>) = spans.into_iter().partition(Span::is_server);
        assert_eq!(servers.len(), 1, "one SERVER span a request: {servers:#?}");
        (servers.remove(0), attempts)
    }

    /// Acknowledged spans with ids that no other has.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.spans().iter().map(|span| (span.trace_id(), span.id())).collect::<HashSet<_>>().len()
    }

    /// Spans it refused in partial successes.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.memory.lock().unwrap().rejected
    }

    /// Every export request, acknowledged or not.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.memory.lock().unwrap().received.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.die();
    }
}

impl Service {
    /// Decides how to treat a request and waits as long as that takes.
    async fn treat(&self, headers: &HeaderMap, body: &[u8], request: &ExportTraceServiceRequest) -> Reply {
        let spans = Span::all(request);
        let reply = {
            let mut memory = self.0.lock().unwrap();
            let reply = memory.script.pop().unwrap_or(memory.otherwise);
            let headers = headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
            let (headers, body, at) = (headers.collect(), body.to_vec(), Instant::now());
            memory.received.push(Received { headers, body, spans: spans.len(), reply, at });
            reply
        };
        match reply {
            Reply::Hang => std::future::pending().await,
            Reply::Late(pause) => tokio::time::sleep(pause).await,
            Reply::Accept | Reply::Fail(_) | Reply::Throttle(_) | Reply::Reject(_) => {}
        }
        let mut memory = self.0.lock().unwrap();
        match reply {
            Reply::Accept | Reply::Late(_) => memory.spans.extend(spans),
            Reply::Reject(count) => {
                let count = count.min(spans.len());
                memory.rejected += count as u64;
                memory.spans.extend(spans.into_iter().skip(count));
            }
            Reply::Hang | Reply::Fail(_) | Reply::Throttle(_) => {}
        }
        reply
    }
}

async fn serve_http(listener: std::net::TcpListener, service: Service) {
    let listener = TcpListener::from_std(listener).expect("a listening socket");
    let router = axum::Router::new().route("/v1/traces", axum::routing::post(over_http)).with_state(service);
    axum::serve(listener, router).await.expect("the collector serves");
}

async fn over_http(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()) != Some(b"application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let mut plain = Vec::new();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip") {
        if flate2::read::GzDecoder::new(body.as_ref()).read_to_end(&mut plain).is_err() {
            return (StatusCode::BAD_REQUEST, "not gzip").into_response();
        }
    } else {
        plain.extend_from_slice(&body);
    }
    let Ok(request) = ExportTraceServiceRequest::decode(plain.as_slice()) else {
        return (StatusCode::BAD_REQUEST, "not OTLP").into_response();
    };
    match service.treat(&headers, &body, &request).await {
        Reply::Fail(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Reply::Throttle(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response()
        }
        reply => ([(header::CONTENT_TYPE, "application/x-protobuf")], answer(reply).encode_to_vec()).into_response(),
    }
}

async fn serve_grpc(listener: std::net::TcpListener, service: Service) {
    let listener = TcpListener::from_std(listener).expect("a listening socket");
    let service = TraceServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
    let server = tonic::transport::Server::builder().add_service(service);
    server.serve_with_incoming(TcpIncoming::from(listener)).await.expect("the collector serves");
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let headers = request.metadata().clone().into_headers();
        match self.treat(&headers, &[], request.get_ref()).await {
            Reply::Fail(_) => Err(tonic::Status::unavailable("scripted")),
            Reply::Throttle(_) => Err(tonic::Status::resource_exhausted("scripted")),
            reply => Ok(tonic::Response::new(answer(reply))),
        }
    }
}

fn answer(reply: Reply) -> ExportTraceServiceResponse {
    let partial_success = match reply {
        Reply::Reject(count) => Some(ExportTracePartialSuccess {
            rejected_spans: i64::try_from(count).unwrap_or(i64::MAX),
            error_message: "scripted".to_owned(),
        }),
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}

fn bind() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    listener
}
