//! The upstreams of the configuration: whether their names lead somewhere, and whether somebody answers there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::ProxyConfig;
use crate::config::proxy::Upstream;

/// How far one got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// The name leads nowhere.
    NoAddress(String),
    /// Nobody answers at any of its addresses.
    Nobody {
        /// How many addresses there are.
        addresses: usize,
        /// Why the last one failed.
        cause: String,
    },
    /// Somebody answers, and TLS fails.
    NoTls {
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: String,
    },
    /// Connected, with TLS where that is asked for.
    Connected {
        /// The first address that answered.
        address: SocketAddr,
        /// How many did not.
        failed: usize,
    },
}

/// An upstream, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamFact {
    /// The service.
    pub service: String,
    /// The upstream as a URL.
    pub upstream: String,
    /// How far one got.
    pub reached: Reached,
}

/// Tries all of them, side by side. Connections are closed at once.
pub(super) async fn reach(proxies: &[ProxyConfig], patience: Duration) -> Vec<UpstreamFact> {
    let mut wanted: Vec<(&str, &Upstream)> = Vec::new();
    for proxy in proxies {
        wanted.push((&proxy.service, &proxy.upstream));
        let egress = proxy.egress.iter().filter_map(|egress| egress.upstream.as_ref());
        wanted.extend(egress.map(|upstream| (proxy.service.as_str(), upstream)));
    }
    let tried = wanted.into_iter().map(async |(service, upstream)| UpstreamFact {
        service: service.to_owned(),
        upstream: upstream.to_string(),
        reached: try_out(upstream, patience).await,
    });
    futures_util::future::join_all(tried).await
}

async fn try_out(upstream: &Upstream, patience: Duration) -> Reached {
    let lookup = tokio::net::lookup_host((upstream.host.as_str(), upstream.port));
    let addresses: Vec<SocketAddr> = match timeout(patience, lookup).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Reached::NoAddress(error.to_string()),
        Err(_) => return Reached::NoAddress(format!("no answer within {} s", patience.as_secs())),
    };
    let count = addresses.len();
    let mut cause = "the name has no address".to_owned();
    for (failed, address) in addresses.into_iter().enumerate() {
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) if upstream.tls => {
                return match timeout(patience, secure(stream, upstream)).await {
                    Ok(Ok(())) => Reached::Connected { address, failed },
                    Ok(Err(cause)) => Reached::NoTls { address, cause },
                    Err(_) => Reached::NoTls { address, cause: format!("nothing within {} s", patience.as_secs()) },
                };
            }
            Ok(Ok(_)) => return Reached::Connected { address, failed },
            Ok(Err(error)) => cause = error.to_string(),
            Err(_) => cause = format!("no answer within {} s", patience.as_secs()),
        }
    }
    Reached::Nobody { addresses: count, cause }
}

/// A handshake with the certificates that the proxy would trust.
async fn secure(stream: TcpStream, upstream: &Upstream) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    let certificates = match &upstream.ca {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            read.map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(upstream.host.clone()).map_err(|error| error.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    const SOON: Duration = Duration::from_secs(2);

    fn upstream(tls: bool, host: &str, port: u16) -> Upstream {
        Upstream { tls, host: host.to_owned(), port, ca: None }
    }

    #[tokio::test]
    async fn upstreams_answer_or_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reached = try_out(&upstream(false, "127.0.0.1", address.port()), SOON).await;
        assert_eq!(reached, Reached::Connected { address, failed: 0 });
        let silent = try_out(&upstream(true, "127.0.0.1", address.port()), Duration::from_millis(50)).await;
        assert!(matches!(silent, Reached::NoTls { .. }), "{silent:?}: it listens and says nothing");
        drop(listener);
        let gone = try_out(&upstream(false, "127.0.0.1", address.port()), SOON).await;
        assert!(matches!(gone, Reached::Nobody { addresses: 1, .. }), "{gone:?}");
        // Names below this domain lead nowhere (RFC 6761).
        let nowhere = try_out(&upstream(false, "nobody.invalid", 80), SOON).await;
        assert!(matches!(nowhere, Reached::NoAddress(_)), "{nowhere:?}");
    }
}
