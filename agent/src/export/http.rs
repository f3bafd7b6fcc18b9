//! OTLP over HTTP/1.1 with protobuf bodies.
//!
//! Source: OTLP specification, "OTLP/HTTP". Redirects are not followed: headers hold credentials.

use std::error::Error;
use std::io::Write;
use std::time::SystemTime;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Response};
use url::Url;

use super::ExportError;
use super::outcome::{self, Outcome};
use super::retry::Transport;
use super::tls::{Certificates, install_cryptography, is_loopback, shown};
use crate::config::export::OtlpConfig;

pub(super) const PROTOBUF: &str = "application/x-protobuf";
/// How export requests name their sender (OpenTelemetry protocol exporter specification, "User Agent").
pub(super) const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"), " throughline");
/// Answers are a few bytes; what is longer is not read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// One OTLP/HTTP endpoint.
pub(super) struct HttpTransport {
    client: Client,
    endpoint: Url,
    gzip: bool,
}

impl HttpTransport {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, ExportError> {
        let endpoint = config.endpoint.clone();
        Ok(Self { client: client(config)?, endpoint, gzip: config.gzip })
    }
}

/// A client with the headers and certificates of `config`.
pub(super) fn client(config: &OtlpConfig) -> Result<Client, ExportError> {
    install_cryptography();
    let failed = |reason: String| ExportError::Client { endpoint: shown(&config.endpoint), reason };
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let name = HeaderName::try_from(name).map_err(|reason| failed(format!("header {name:?}: {reason}")))?;
        let mut value = HeaderValue::try_from(value.expose())
            .map_err(|_| failed(format!("the value of header {name} has bytes that no header may have")))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(headers)
        .redirect(Policy::none())
        .timeout(config.timeout)
        .http1_only();
    if is_loopback(&config.endpoint) {
        builder = builder.no_proxy();
    }
    let certificates = Certificates::read(config)?;
    if let Some(pem) = &certificates.authorities {
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(pem).map_err(|reason| failed(chain(&reason)))?);
    } else if config.endpoint.scheme() == "http" {
        // An image without certificates must do for clear text.
        builder = builder.tls_certs_only([]);
    }
    if let Some((certificate, key)) = certificates.identity {
        let pem = [certificate, key].join(&b'\n');
        builder = builder.identity(Identity::from_pem(&pem).map_err(|reason| failed(chain(&reason)))?);
    }
    builder.build().map_err(|reason| failed(chain(&reason)))
}

impl Transport for HttpTransport {
    async fn send(&self, body: Bytes) -> Outcome {
        let mut request = self.client.post(self.endpoint.clone()).header(CONTENT_TYPE, PROTOBUF);
        let body = if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
            compressed(&body)
        } else {
            body
        };
        match request.body(body).send().await {
            Ok(answer) if answer.status().is_success() => accepted(answer).await,
            Ok(answer) => {
                let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                outcome::from_http(answer.status().as_u16(), retry_after, SystemTime::now())
            }
            Err(reason) => {
                let reason = chain(&reason.without_url());
                Outcome::Retry { after: None, cause: format!("{}: {reason}", shown(&self.endpoint)) }
            }
        }
    }
}

/// Fast compression: spans of one batch are much alike, so more effort gains little.
fn compressed(body: &Bytes) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Writing to memory cannot fail; were it to, the backend would refuse the batch and it would be counted.
    let _ = encoder.write_all(body);
    encoder.finish().map(Bytes::from).unwrap_or_default()
}

async fn accepted(mut answer: Response) -> Outcome {
    let is_protobuf = answer.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == PROTOBUF.as_bytes());
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_LIMIT {
            break;
        }
    }
    match ExportTraceServiceResponse::decode(body.as_slice()) {
        Ok(response) => from_response(response),
        Err(_) if is_protobuf => {
            Outcome::Accepted { rejected: 0, message: "the answer to a batch cannot be read".to_owned() }
        }
        Err(_) => Outcome::Accepted { rejected: 0, message: String::new() },
    }
}

/// What the backend says about a batch it took.
pub(super) fn from_response(response: ExportTraceServiceResponse) -> Outcome {
    let partial = response.partial_success.unwrap_or_default();
    Outcome::Accepted { rejected: u64::try_from(partial.rejected_spans).unwrap_or(0), message: partial.error_message }
}

/// An error with all its causes, in one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut parts: Vec<String> = causes.map(ToString::to_string).collect();
    parts.dedup();
    parts.join(": ")
}
