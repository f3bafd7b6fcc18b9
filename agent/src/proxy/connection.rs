//! One client connection: request after request, until either side has enough.

use std::sync::Arc;

use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;

use super::counts::Refusal;
use super::phases::Phases;
use super::stream::{ConnectionNote, Downstream, FirstBytes};

/// Serves requests until the connection ends.
pub(super) async fn serve(proxy: Arc<HttpProxy<Phases>>, stream: Downstream, phases: &Phases, stopping: ShutdownWatch) {
    let note = Arc::clone(stream.note());
    let mut session = ServerSession::new_http1(Box::new(stream));
    // No time limit of Pingora's: the stream has its own.
    session.set_keepalive(Some(0));
    loop {
        let accepted = note.accepted_heads();
        note.await_head();
        let reused = proxy.process_new_http(session, &stopping).await;
        if note.accepted_heads() == accepted {
            refused_before_any_phase(&note, phases);
        }
        let Some((stream, settings)) = reused.map(pingora::apps::ReusedHttpStream::consume) else { return };
        session = ServerSession::new_http1(stream);
        if let Some(settings) = settings {
            settings.apply_to_session(&mut session);
        }
    }
}

/// Counts what Pingora answered, or what was never HTTP/1, without one of our phases having run.
fn refused_before_any_phase(note: &ConnectionNote, phases: &Phases) {
    match (note.first_bytes(), note.last_status()) {
        (FirstBytes::Tls, _) => phases.refuse_protocol(Refusal::Tls, note),
        (FirstBytes::Http2, _) => phases.refuse_protocol(Refusal::Http2, note),
        (FirstBytes::Http1, _) if note.head_was_slow() => phases.counts().refusals.add(Refusal::SlowHead, 1),
        (FirstBytes::Http1, 405) => phases.counts().refusals.add(Refusal::Connect, 1),
        (FirstBytes::Http1, 400) => phases.counts().refusals.add(Refusal::MalformedHead, 1),
        // An idle connection that was closed, or a head that never became whole.
        (FirstBytes::Http1, _) => {}
    }
}
