//! Load: many kept-alive connections, one request at a time on each, every outcome kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;

/// What to send.
#[derive(Clone)]
pub struct Load {
    connections: usize,
    requests: Option<usize>,
    request: Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>,
    stop: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Requests answered completely, by status, with the time each took.
    pub answers: Vec<(u16, Duration)>,
    /// Requests sent and not answered completely, with the cause.
    pub failures: Vec<String>,
    /// Connections that could not be made.
    pub refused: usize,
}

impl Load {
    /// `requests` requests over `connections` connections; `request` makes number n of them.
    pub fn bounded(
        connections: usize,
        requests: usize,
        request: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self { requests: Some(requests), ..Self::endless(connections, request) }
    }

    /// Requests over `connections` connections until the server closes them or [`Load::stop`] is called.
    pub fn endless(connections: usize, request: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self { connections, requests: None, request: Arc::new(request), stop: Arc::default() }
    }

    /// Lets an endless load end after the requests that are under way.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Sends it all to `addr`.
    ///
    /// # Panics
    /// When a connection's task does.
    pub async fn run(&self, addr: SocketAddr) -> Outcome {
        let next = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..self.connections)
            .map(|_| {
                let (load, next) = (self.clone(), Arc::clone(&next));
                tokio::spawn(async move { load.one_connection(addr, &next).await })
            })
            .collect();
        let mut outcome = Outcome::default();
        for task in tasks {
            let part = task.await.expect("a connection's task ends");
            outcome.answers.extend(part.answers);
            outcome.failures.extend(part.failures);
            outcome.refused += part.refused;
        }
        outcome
    }

    async fn one_connection(&self, addr: SocketAddr, next: &AtomicUsize) -> Outcome {
        let mut outcome = Outcome::default();
        let mut client: Option<Client> = None;
        while !self.stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if self.requests.is_some_and(|most| number >= most) {
                break;
            }
            let connection = match client.take() {
                Some(client) => Ok(client),
                None => Client::try_connect(addr).await,
            };
            let Ok(mut connection) = connection else {
                outcome.refused += 1;
                break;
            };
            let request = (self.request)(number);
            let began = Instant::now();
            let answer = match connection.try_send(&request).await {
                Ok(()) => connection.try_answer(request.starts_with(b"HEAD ")).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) if answer.body.complete => {
                    outcome.answers.push((answer.status(), began.elapsed()));
                    if !answer.closes() {
                        client = Some(connection);
                    } else if self.requests.is_none() {
                        break;
                    }
                }
                Ok(answer) => {
                    outcome.failures.push(format!("request {number}: cut short after {} bytes", answer.body.len));
                }
                Err(error) => outcome.failures.push(format!("request {number}: {error}")),
            }
        }
        outcome
    }
}

impl Outcome {
    /// How many were answered with this status.
    #[must_use]
    pub fn with_status(&self, status: u16) -> usize {
        self.answers.iter().filter(|(answered, _)| *answered == status).count()
    }

    /// The latency that `percent` in a hundred requests did not exceed.
    ///
    /// # Panics
    /// When nothing was answered.
    #[must_use]
    pub fn latency(&self, percent: usize) -> Duration {
        let mut all: Vec<Duration> = self.answers.iter().map(|(_, latency)| *latency).collect();
        all.sort_unstable();
        all[(all.len() * percent / 100).min(all.len() - 1)]
    }

    /// Checks that every request was answered with 200.
    ///
    /// # Panics
    /// When one was not.
    pub fn assert_all_ok(&self, requests: usize) {
        assert!(self.failures.is_empty(), "{} failed, first: {:?}", self.failures.len(), self.failures.first());
        let others: Vec<u16> = self.answers.iter().map(|(status, _)| *status).filter(|&s| s != 200).collect();
        assert!(others.is_empty(), "{} answers are not 200, first: {:?}", others.len(), others.first());
        assert_eq!(self.answers.len(), requests, "requests answered");
    }
}
