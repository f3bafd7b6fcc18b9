//! The yardstick: a bare Pingora reverse proxy, as a sensible person would set it up for one upstream.
//!
//! It has the agent's time limits and pool size, and one thread that steals no work. It knows nothing of trace context
//! and adds no header.

use std::net::SocketAddr;

use async_trait::async_trait;
use pingora::Result;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use throughline::config::proxy::Timeouts;

/// Idle upstream connections kept, as many as an agent's thread keeps.
const POOL: usize = 512;

struct Bare {
    peer: HttpPeer,
    timeouts: Timeouts,
}

/// Serves `listen` from `upstream` until the process ends.
pub fn serve(listen: SocketAddr, upstream: SocketAddr) -> ! {
    let conf = ServerConf {
        threads: 1,
        work_stealing: false,
        upstream_keepalive_pool_size: POOL,
        // The upstream is clear text; no certificate is read.
        ca_file: Some("/dev/null".to_owned()),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare::new(upstream));
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    server.run_forever()
}

impl Bare {
    fn new(upstream: SocketAddr) -> Self {
        let timeouts = Timeouts::default();
        let mut peer = HttpPeer::new(upstream, false, String::new());
        peer.options.connection_timeout = Some(timeouts.connect);
        peer.options.total_connection_timeout = Some(timeouts.connect);
        peer.options.read_timeout = Some(timeouts.read);
        peer.options.write_timeout = Some(timeouts.write);
        peer.options.idle_timeout = Some(timeouts.upstream_idle);
        Self { peer, timeouts }
    }
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn early_request_filter(&self, session: &mut Session, (): &mut ()) -> Result<()> {
        session.set_read_timeout(Some(self.timeouts.read));
        session.set_write_timeout(Some(self.timeouts.write));
        Ok(())
    }

    async fn upstream_peer(&self, _session: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(self.peer.clone()))
    }
}
