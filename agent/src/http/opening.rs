//! The first bytes of a connection, until it is known what it carries.

use super::event::Way;
use super::recognise::{Protocol, Recognition, recognise};

/// What has come so far, each way.
#[derive(Debug, Default)]
pub(super) struct Opening {
    requests: Vec<u8>,
    responses: Vec<u8>,
    /// Bytes of a PROXY protocol header that are still to come.
    proxy: usize,
    /// There was one; there is no second.
    is_proxied: bool,
}

/// It is known.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) protocol: Protocol,
    /// What has come from the client, but for a PROXY protocol header.
    pub(super) requests: Vec<u8>,
    /// What has come from the server.
    pub(super) responses: Vec<u8>,
}

impl Opening {
    /// More bytes.
    pub(super) fn push(&mut self, way: Way, mut bytes: &[u8]) -> Option<Step> {
        let held = match way {
            Way::Requests => {
                let passed = self.proxy.min(bytes.len());
                self.proxy -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                &mut self.requests
            }
            Way::Responses => &mut self.responses,
        };
        held.extend_from_slice(bytes);
        let mut recognised = recognise(held);
        if let (Recognition::Proxy(length), Way::Requests, false) = (recognised, way, self.is_proxied) {
            self.is_proxied = true;
            self.proxy = length.saturating_sub(held.len());
            held.drain(..length.min(held.len()));
            recognised = recognise(held);
        }
        let protocol = match (recognised, way) {
            (Recognition::TooFew, _) => return None,
            (Recognition::Request1, Way::Requests) | (Recognition::Response1, Way::Responses) => Protocol::Http1,
            (Recognition::Preface2, Way::Requests) | (Recognition::Settings2, Way::Responses) => Protocol::Http2,
            (Recognition::Tls, _) => Protocol::Tls,
            (Recognition::FastCgi, _) => Protocol::FastCgi,
            _ => Protocol::Other,
        };
        let (requests, responses) = (std::mem::take(&mut self.requests), std::mem::take(&mut self.responses));
        Some(Step { protocol, requests, responses })
    }
}
