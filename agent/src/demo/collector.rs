//! The demonstration's collector: takes OTLP over HTTP, keeps every body as it came and the spans it decodes to.
//!
//! It trusts nothing it is told about the spans; whether they are right is decided elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;

use super::DemoError;
use crate::export::decode::{ReceivedSpan, decode_traces, partial_success_response};

/// The longest body taken, in bytes; what collectors commonly allow.
const LONGEST: usize = 20 * 1024 * 1024;

/// A running collector; it lives as long as the runtime it was started on.
pub(super) struct Collector {
    /// Where it listens, on loopback.
    pub(super) addr: SocketAddr,
    received: Arc<Mutex<Received>>,
}

/// All that arrived.
#[derive(Debug, Default, Clone)]
pub(super) struct Received {
    /// Request bodies, in order of arrival.
    pub(super) bodies: Vec<Bytes>,
    /// What they decode to.
    pub(super) spans: Vec<ReceivedSpan>,
    /// Why some did not.
    pub(super) refused: Vec<String>,
}

impl Collector {
    /// Starts it on a free loopback port.
    pub(super) async fn start() -> Result<Self, DemoError> {
        let cannot = |cause| DemoError::Start { what: "the collector".to_owned(), cause };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        let received = Arc::new(Mutex::new(Received::default()));
        let router = Router::new()
            .route("/v1/traces", post(take))
            .layer(DefaultBodyLimit::max(LONGEST))
            .with_state(Arc::clone(&received));
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { addr, received })
    }

    /// What has arrived up to now.
    pub(super) fn received(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(received): State<Arc<Mutex<Received>>>, body: Bytes) -> Response {
    let decoded = decode_traces(&body);
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    received.bodies.push(body);
    match decoded {
        Ok(spans) => {
            received.spans.extend(spans);
            ([(header::CONTENT_TYPE, "application/x-protobuf")], partial_success_response(0, "")).into_response()
        }
        Err(error) => {
            received.refused.push(error.to_string());
            StatusCode::BAD_REQUEST.into_response()
        }
    }
}
