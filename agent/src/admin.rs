//! Health, metrics and the emergency switch over HTTP, meant for a loopback port; elsewhere a token is asked for.
//!
//! Owns no number and no state: it reads what it is given and turns the switch. Knows neither proxy nor exporter, so
//! that a probe's answer cannot depend on them.

mod evidence;
mod guard;
mod metrics;
mod readiness;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::export::Secret;
use crate::trace::bypass::Bypass;
use crate::trace::counts::Sample;
pub use evidence::{Evidence, pages};
pub use readiness::{Phase, Readiness};

/// How long answers that are under way may take once [`serve`] was told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What [`serve`] answers from.
#[derive(Clone)]
pub struct AdminState {
    /// What `/readyz` reports.
    pub readiness: Arc<Readiness>,
    /// What `/v1/bypass` turns.
    pub bypass: Arc<Bypass>,
    /// Called for each `/metrics`. Two samples of one name must differ in their labels.
    pub samples: Arc<dyn Fn() -> Vec<Sample> + Send + Sync>,
    /// What requests have to present for anything but `/livez` and `/readyz`.
    pub token: Option<Secret>,
    /// Further pages, such as reports, which get the same protection as the ones here.
    pub more: Router,
}

/// Serves until `stop` is ready, then finishes the answers under way, for one second at most.
pub async fn serve(listener: TcpListener, state: AdminState, stop: impl Future<Output = ()>) {
    let (closing, closed) = oneshot::channel::<()>();
    let until = async {
        let _ = closed.await;
    };
    // axum's server retries failed accepts and so never ends by itself.
    let mut serving = pin!(axum::serve(listener, router(state)).with_graceful_shutdown(until).into_future());
    tokio::select! {
        _ = &mut serving => return,
        () = stop => drop(closing),
    }
    let _ = tokio::time::timeout(LAST_ANSWERS, serving).await;
}

fn router(state: AdminState) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/bypass", get(bypass_state).put(bypass_on).delete(bypass_off))
        .with_state(state.clone())
        .merge(state.more.clone())
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(state, guard::ask_for_token))
        .layer(middleware::from_fn(guard::refuse_browsers))
}

async fn readyz(State(state): State<AdminState>) -> Response {
    let phase = state.readiness.phase();
    let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", phase.name())).into_response()
}

async fn metrics(State(state): State<AdminState>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render((state.samples)())).into_response()
}

async fn bypass_state(State(state): State<AdminState>) -> &'static str {
    if state.bypass.is_on() { "on: every request is forwarded untouched\n" } else { "off\n" }
}

async fn bypass_on(State(state): State<AdminState>) -> &'static str {
    if state.bypass.set() {
        tracing::warn!("bypass switched on by an admin request: every request is forwarded untouched");
    }
    "on: every request is forwarded untouched\n"
}

async fn bypass_off(State(state): State<AdminState>) -> &'static str {
    if state.bypass.clear() {
        tracing::warn!("bypass switched off by an admin request");
    }
    "off\n"
}

async fn not_found() -> Response {
    const PAGE: &str = "not found; there is:\n\
        GET    /livez      200 while the process runs\n\
        GET    /readyz     200 while requests are accepted, else 503\n\
        GET    /metrics    Prometheus text format\n\
        GET    /v1/bypass  the emergency switch: on or off\n\
        PUT    /v1/bypass  on: every request is forwarded untouched, nothing is recorded\n\
        DELETE /v1/bypass  off: back to normal\n\
        and where observations are kept:\n\
        GET    /v1/report        the report as JSON\n\
        GET    /v1/observations  what proxies and probe saw, as a recording; ?since=NANOSECONDS\n\
        GET    /v1/probe         what the kernel probe could see, and what not, as JSON\n";
    (StatusCode::NOT_FOUND, PAGE).into_response()
}
