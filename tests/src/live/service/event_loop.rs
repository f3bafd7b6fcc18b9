//! One thread that waits for all connections at once (`epoll_wait`), so that requests take turns on it between their
//! reads and writes.

use std::cell::RefCell;
use std::io::Result;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::message::{ANSWER, Request, request, whole};
use super::peer::call;
use super::{Options, Propagation};
use crate::random::Random;

struct Service {
    calls: Option<(SocketAddr, String)>,
    propagation: Propagation,
    after: bool,
    slowest: Duration,
    kept: RefCell<Vec<TcpStream>>,
    chance: RefCell<Random>,
}

/// Serves for ever.
///
/// # Panics
/// When there is no event loop.
pub(super) fn run(options: &Options, listener: TcpListener, said: impl FnOnce()) {
    let service = Rc::new(Service {
        calls: options.calls.clone(),
        propagation: Propagation::new(options.context),
        after: options.after,
        slowest: options.slowest,
        kept: RefCell::default(),
        chance: RefCell::new(super::chance()),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    let local = tokio::task::LocalSet::new();
    let polls = options.polls;
    local.block_on(&runtime, async move {
        listener.set_nonblocking(true).expect("a socket that does not block");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        if polls > 0.0 {
            tokio::task::spawn_local(Rc::clone(&service).poll(polls));
        }
        said();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(Rc::clone(&service).connection(stream));
            }
        }
    });
}

impl Service {
    async fn connection(self: Rc<Self>, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut read = Vec::new();
        while let Ok(Some(message)) = message(&mut stream, &mut read).await {
            let request = request(&message);
            let done = if self.after {
                let written = stream.write_all(ANSWER).await;
                tokio::task::spawn_local(Rc::clone(&self).later(request.clone()));
                written
            } else {
                match self.work(&request).await {
                    Ok(()) => stream.write_all(ANSWER).await,
                    Err(error) => Err(error),
                }
            };
            if done.is_err() || request.closes {
                return;
            }
        }
    }

    async fn later(self: Rc<Self>, request: Request) {
        let _ = self.work(&request).await;
    }

    async fn poll(self: Rc<Self>, rate: f64) {
        for number in 0_u64.. {
            tokio::time::sleep(Duration::from_secs_f64(1.0 / rate)).await;
            let _ = self.call(&number.to_string(), "").await;
        }
    }

    async fn work(&self, request: &Request) -> Result<()> {
        if request.health {
            return Ok(());
        }
        if self.calls.is_none() {
            let wait = self.chance.borrow_mut().below(self.slowest.as_micros() as usize);
            tokio::time::sleep(Duration::from_micros(wait as u64)).await;
            return Ok(());
        }
        self.call(&request.identifier, &self.propagation.lines(request)).await
    }

    async fn call(&self, identifier: &str, lines: &str) -> Result<()> {
        let Some((address, path)) = &self.calls else { return Ok(()) };
        let bytes = call(path, identifier, lines, true);
        let kept = self.kept.borrow_mut().pop();
        let mut stream = match kept {
            Some(stream) => stream,
            None => TcpStream::connect(address).await?,
        };
        stream.write_all(&bytes).await?;
        let answered = message(&mut stream, &mut Vec::new()).await?;
        if answered.is_some() {
            self.kept.borrow_mut().push(stream);
        }
        Ok(())
    }
}

/// The next whole message, or the end.
async fn message(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<Option<Vec<u8>>> {
    loop {
        if let Some(length) = whole(read) {
            let rest = read.split_off(length);
            return Ok(Some(std::mem::replace(read, rest)));
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}
