//! The certificates of one destination, read once at the start.

use std::net::IpAddr;
use std::path::Path;

use url::{Host, Url};

use super::ExportError;
use crate::config::export::OtlpConfig;

/// PEM texts.
#[derive(Default)]
pub(super) struct Certificates {
    /// Authorities to trust instead of the system's.
    pub(super) authorities: Option<Vec<u8>>,
    /// The client's own certificate chain and key.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    pub(super) fn read(config: &OtlpConfig) -> Result<Self, ExportError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|reason| ExportError::Certificate { path: path.to_owned(), reason: reason.to_string() })
        };
        Ok(Self {
            authorities: config.certificate.as_deref().map(read).transpose()?,
            identity: match &config.client_identity {
                Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
                None => None,
            },
        })
    }
}

/// Makes ring the process's cryptography, unless something else is already: reqwest and tonic bring none.
pub(super) fn install_cryptography() {
    // An error means that a provider is installed, which is all that is needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Scheme, host and port: what may be shown. Credentials, path and query may not.
pub(super) fn shown(endpoint: &Url) -> String {
    let port = endpoint.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", endpoint.scheme(), endpoint.host_str().unwrap_or_default())
}

/// Whether the endpoint is on this machine, where no HTTP proxy belongs in between.
pub(super) fn is_loopback(endpoint: &Url) -> bool {
    match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Whether the endpoint is Checkly's, where spans of unmarked requests have no business.
pub(super) fn is_checkly(endpoint: &Url) -> bool {
    let host = endpoint.host_str().unwrap_or_default().trim_end_matches('.');
    host.strip_suffix("checklyhq.com").is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test panics")]
    use super::*;

    #[test]
    fn endpoints() {
        for (url, text, loopback, checkly) in [
            ("https://otel.eu-west-1.checklyhq.com/v1/traces", "https://otel.eu-west-1.checklyhq.com", false, true),
            ("https://CHECKLYHQ.com./v1/traces", "https://checklyhq.com.", false, true),
            ("https://notchecklyhq.com/", "https://notchecklyhq.com", false, false),
            ("https://checklyhq.com.evil.example/", "https://checklyhq.com.evil.example", false, false),
            ("http://user:secret@localhost:4318/?key=secret", "http://localhost:4318", true, false),
            ("http://127.9.9.9:1/", "http://127.9.9.9:1", true, false),
            ("http://[::1]:1/", "http://[::1]:1", true, false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!((shown(&parsed).as_str(), is_loopback(&parsed), is_checkly(&parsed)), (text, loopback, checkly));
        }
    }
}
