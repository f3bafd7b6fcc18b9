//! What comes from outside: users, checks, challenges, and monitors and forgers that get the mark wrong.

use super::chance::{MILLI, SECOND, Stream, chance};
use super::deliver::Sink;
use super::graph::ClientKind;
use super::headers::Headers;
use super::sim::{Call, Event, Sim, Source};

impl<S: Sink> Sim<'_, S> {
    /// Puts the client's first requests.
    pub(super) fn begin_client(&mut self, place: usize) {
        let client = &self.graph.clients[place];
        if let ClientKind::Challenge(pairs) = &client.kind {
            let mut traces = Vec::new();
            for (sent, control) in pairs {
                let context = Headers::marked_root(&mut self.random, 1);
                let trace = context.parent.map_or(0, |parent| parent.trace);
                traces.push((trace, *sent, *control));
                self.pages.push(context);
                self.at(*sent, Event::Page(place, self.pages.len() - 1));
            }
            self.delivery.challenge(&traces);
            return;
        }
        let first = self.streams[place].next(0, &mut self.random);
        self.at(first, Event::Client(place));
    }

    /// A client sends: one request, or a page's.
    pub(super) fn client(&mut self, place: usize) {
        let client = &self.graph.clients[place];
        // A monitor's flag is set nearly always, a browser's SDK follows its sampler.
        let context = match &client.kind {
            ClientKind::Users(traced) if chance(&mut self.random, *traced) => {
                let flags = u8::from(chance(&mut self.random, 0.3));
                let state = chance(&mut self.random, 0.3).then(|| "vendor=1".into());
                Headers { state, ..Headers::root(&mut self.random, flags) }
            }
            ClientKind::Users(_) | ClientKind::Unmarked => Headers::NONE,
            ClientKind::Check | ClientKind::Challenge(_) | ClientKind::Forger => {
                let flags = u8::from(chance(&mut self.random, 0.9));
                let root = Headers::marked_root(&mut self.random, flags);
                if self.sight.has_ends() && chance(&mut self.random, 0.1) { root.with_much() } else { root }
            }
        };
        self.pages.push(context);
        let page = self.pages.len() - 1;
        if client.companions == 0 {
            self.page(place, page);
        } else {
            self.at(self.now + 50 * MILLI, Event::Page(place, page));
        }
        for _ in 1..client.page {
            let at = self.now + self.random.below(2 * SECOND as usize) as u64;
            self.at(at, Event::Page(place, page));
        }
        for _ in 0..client.companions {
            self.pages.push(Headers::NONE);
            let at = self.now + self.random.below(100 * MILLI as usize) as u64;
            self.at(at, Event::Page(place, self.pages.len() - 1));
        }
        let stream: &mut Stream = &mut self.streams[place];
        let next = stream.next(self.now, &mut self.random);
        if next < self.course.until {
            self.at(next, Event::Client(place));
        }
    }

    /// One request of a client, in the trace of this context.
    pub(super) fn page(&mut self, place: usize, page: usize) {
        let client = &self.graph.clients[place];
        let route = *self.random.pick(&client.routes);
        let headers = self.pages[page].sibling(&mut self.random);
        let is_companion = headers.parent.is_none();
        self.depart(Call {
            source: Source::Client(place),
            target: client.service,
            route,
            headers,
            cause: None,
            codes: Vec::new(),
            process: 0,
            thread: 0,
            left: self.now,
            job: None,
            timeout: Some((client.timeout, 0)),
            is_later: false,
            is_synthetic: match client.kind {
                ClientKind::Check => !is_companion,
                ClientKind::Challenge(_) | ClientKind::Unmarked => true,
                ClientKind::Users(_) | ClientKind::Forger => false,
            },
            is_forged: client.kind == ClientKind::Forger,
            is_passed_over: false,
        });
    }
}
