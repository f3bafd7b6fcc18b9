//! A collector on a port of its own that answers as it is told, over HTTP or gRPC.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::authority::{Authority, TlsListener};
use crate::config::export::OtlpProtocol;
use crate::export::decode::{ReceivedSpan, decode_traces, partial_success_response};

/// How to answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Take,
    Reject(i64),
    /// An HTTP status, or the gRPC code that stands for the same; with seconds to wait.
    Fail(u16, Option<u64>),
    Hang,
}

/// What came.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) spans: Vec<ReceivedSpan>,
    pub(super) calls: usize,
    pub(super) paths: Vec<String>,
    pub(super) authorization: Option<String>,
    pub(super) encoding: Option<String>,
}

#[derive(Clone)]
struct Shared {
    seen: Arc<Mutex<Seen>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

pub(super) struct Collector {
    pub(super) address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Collector {
    /// Answers with `replies` in turn, then with the last one for ever.
    pub(super) async fn start(protocol: OtlpProtocol, replies: &[Reply]) -> Self {
        let (listener, address) = bind().await;
        let shared = Shared::new(replies);
        let state = shared.clone();
        let server = match protocol {
            OtlpProtocol::HttpProtobuf => tokio::spawn(async move {
                axum::serve(listener, Router::new().fallback(http).with_state(state)).await.unwrap();
            }),
            OtlpProtocol::Grpc => tokio::spawn(async move {
                let server = tonic::transport::Server::builder().add_service(state.service());
                server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
            }),
        };
        Self { address, shared, server }
    }

    /// Takes everything over TLS, from clients that `authority` has certified.
    pub(super) async fn start_tls(protocol: OtlpProtocol, authority: &Authority) -> Self {
        let (listener, address) = bind().await;
        let shared = Shared::new(&[Reply::Take]);
        let state = shared.clone();
        let server = match protocol {
            OtlpProtocol::HttpProtobuf => {
                let listener = TlsListener { listener, acceptor: authority.acceptor() };
                tokio::spawn(async move {
                    axum::serve(listener, Router::new().fallback(http).with_state(state)).await.unwrap();
                })
            }
            OtlpProtocol::Grpc => {
                let tls = authority.server();
                tokio::spawn(async move {
                    let mut server = tonic::transport::Server::builder().tls_config(tls).unwrap();
                    let server = server.add_service(state.service());
                    server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
                })
            }
        };
        Self { address, shared, server }
    }

    pub(super) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.seen.lock().unwrap())
    }

    /// Stops listening. Connections that are open already end with the runtime.
    pub(super) fn die(&self) {
        self.server.abort();
        self.shared.replies.lock().unwrap().clear();
    }
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl Shared {
    fn new(replies: &[Reply]) -> Self {
        Self { seen: Arc::default(), replies: Arc::new(Mutex::new(replies.iter().copied().collect())) }
    }

    fn service(self) -> TraceServiceServer<Self> {
        TraceServiceServer::new(self).accept_compressed(CompressionEncoding::Gzip)
    }

    fn next(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies.front().copied().unwrap_or(Reply::Hang) }
    }

    fn keep(&self, bytes: &[u8]) {
        self.seen.lock().unwrap().spans.extend(decode_traces(bytes).unwrap());
    }
}

async fn http(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    assert_eq!(head.headers.get(CONTENT_TYPE).unwrap(), "application/x-protobuf");
    let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    {
        let mut seen = shared.seen.lock().unwrap();
        seen.calls += 1;
        seen.paths.push(head.uri.path().to_owned());
        seen.authorization = text("authorization");
        seen.encoding = text(CONTENT_ENCODING.as_str());
    }
    let mut body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    if text(CONTENT_ENCODING.as_str()).is_some() {
        let packed = std::mem::take(&mut body);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut body).unwrap();
    }
    let taken = |rejected| ([(CONTENT_TYPE, "application/x-protobuf")], partial_success_response(rejected, ""));
    match shared.next() {
        Reply::Take => {
            shared.keep(&body);
            taken(0).into_response()
        }
        Reply::Reject(rejected) => {
            shared.keep(&body);
            taken(rejected).into_response()
        }
        Reply::Fail(status, None) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Fail(status, Some(wait)) => {
            (StatusCode::from_u16(status).unwrap(), [(RETRY_AFTER, wait.to_string())]).into_response()
        }
        Reply::Hang => std::future::pending().await,
    }
}

#[tonic::async_trait]
impl TraceService for Shared {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let text = |name: &str| request.metadata().get(name).map(|value| value.to_str().unwrap().to_owned());
        {
            let mut seen = self.seen.lock().unwrap();
            seen.calls += 1;
            seen.authorization = text("authorization");
            seen.encoding = text("grpc-encoding");
        }
        let taken = |rejected| {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: String::new() };
            Ok(tonic::Response::new(ExportTraceServiceResponse { partial_success: Some(partial) }))
        };
        match self.next() {
            Reply::Take => {
                self.keep(&request.into_inner().encode_to_vec());
                taken(0)
            }
            Reply::Reject(rejected) => {
                self.keep(&request.into_inner().encode_to_vec());
                taken(rejected)
            }
            Reply::Fail(429, wait) => {
                let details = ErrorDetails::with_retry_info(wait.map(Duration::from_secs));
                Err(Status::with_error_details(Code::ResourceExhausted, "slower", details))
            }
            Reply::Fail(503, _) => Err(Status::unavailable("down")),
            Reply::Fail(401, _) => Err(Status::unauthenticated("who?")),
            Reply::Fail(_, _) => Err(Status::invalid_argument("bad")),
            Reply::Hang => std::future::pending().await,
        }
    }
}
