//! The HTTP client that asks agents and sends a test's requests: HTTP/1.1, no redirects, no proxy on loopback.

use std::error::Error;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use url::{Host, Url};

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for `url`. `silence` is how long an answer may send nothing, `whole` how long it may take in all.
///
/// # Errors
/// No TLS can be set up, as a sentence.
pub fn client(url: &Url, silence: Duration, whole: Option<Duration>) -> Result<Client, String> {
    // reqwest brings no cryptography of its own; an error means that there is some already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("throughline/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT.min(whole.unwrap_or(CONNECT)))
        .read_timeout(silence)
        .http1_only();
    if let Some(whole) = whole {
        builder = builder.timeout(whole);
    }
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // A machine without certificates must do for clear text.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| explain(&error))
}

/// An error and its causes in one line, without the URL, which may bear what is not to be shown.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    // The library's own words only say where it happened; the deepest cause says what.
    let said: Vec<String> = causes.map(ToString::to_string).collect();
    let last = said.last().map(|text| text.split(" (os error").next().unwrap_or(text).to_lowercase());
    last.unwrap_or_default()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
