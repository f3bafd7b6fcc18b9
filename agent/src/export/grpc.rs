//! OTLP over gRPC.
//!
//! Batches are encoded already, so the method is called with a codec that passes bytes on.
//! Source: OTLP specification, "OTLP/gRPC".

use bytes::{Buf, BufMut, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::ExportError;
use super::http::{USER_AGENT, chain, from_response};
use super::outcome::{self, Outcome};
use super::retry::Transport;
use super::tls::{Certificates, install_cryptography, shown};
use crate::config::export::OtlpConfig;

const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// One OTLP/gRPC endpoint.
pub(super) struct GrpcTransport {
    channel: Channel,
    metadata: MetadataMap,
    gzip: bool,
}

impl GrpcTransport {
    /// Connects at the first batch. Must be called within a tokio runtime.
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, ExportError> {
        Ok(Self { channel: channel(config)?, metadata: metadata(config)?, gzip: config.gzip })
    }
}

/// A channel that connects when it is first used.
pub(super) fn channel(config: &OtlpConfig) -> Result<Channel, ExportError> {
    install_cryptography();
    let failed = |reason: tonic::transport::Error| ExportError::Client {
        endpoint: shown(&config.endpoint),
        reason: chain(&reason),
    };
    let endpoint = Endpoint::from_shared(shown(&config.endpoint)).map_err(failed)?;
    let mut endpoint = endpoint.user_agent(USER_AGENT).map_err(failed)?;
    if config.endpoint.scheme() == "https" {
        let certificates = Certificates::read(config)?;
        let mut tls = match certificates.authorities {
            Some(pem) => ClientTlsConfig::new().ca_certificate(tonic::transport::Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((certificate, key)) = certificates.identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        endpoint = endpoint.tls_config(tls).map_err(failed)?;
    }
    Ok(endpoint.connect_lazy())
}

/// The configured headers; gRPC wants their names in lower case.
pub(super) fn metadata(config: &OtlpConfig) -> Result<MetadataMap, ExportError> {
    let mut metadata = MetadataMap::new();
    for (name, value) in &config.headers {
        let failed = |what| ExportError::Client {
            endpoint: shown(&config.endpoint),
            reason: format!("header {name:?} has a {what} that gRPC cannot carry"),
        };
        let key: MetadataKey<Ascii> = name.to_ascii_lowercase().parse().map_err(|_| failed("name"))?;
        let mut value = MetadataValue::try_from(value.expose()).map_err(|_| failed("value"))?;
        value.set_sensitive(true);
        metadata.append(key, value);
    }
    Ok(metadata)
}

/// Why a call brought no answer that could be read.
pub(super) enum CallError {
    /// There is no connection.
    Unready(String),
    /// The endpoint said so.
    Answered(Status),
}

impl GrpcTransport {
    /// One call.
    pub(super) async fn call(&self, body: Bytes) -> Result<ExportTraceServiceResponse, CallError> {
        let mut client = Grpc::new(self.channel.clone());
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        client.ready().await.map_err(|reason| CallError::Unready(chain(&reason)))?;
        let mut request = Request::new(body);
        request.metadata_mut().clone_from(&self.metadata);
        let answer = client.unary(request, PathAndQuery::from_static(METHOD), Encoded).await;
        answer.map(tonic::Response::into_inner).map_err(CallError::Answered)
    }
}

impl Transport for GrpcTransport {
    async fn send(&self, body: Bytes) -> Outcome {
        match self.call(body).await {
            Ok(answer) => from_response(answer),
            Err(CallError::Unready(cause)) => Outcome::Retry { after: None, cause },
            Err(CallError::Answered(status)) => outcome::from_grpc(&status),
        }
    }
}

/// Requests are bytes already; answers are decoded.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let response = ExportTraceServiceResponse::decode(bytes).map_err(|reason| Status::internal(chain(&reason)))?;
        Ok(Some(response))
    }
}
