//! One of the demonstration's services: a small HTTP server as many are written by hand, with a thread a connection. It
//! treats the context headers it received in its own manner when it makes a call, and writes each arrival to its log. It
//! knows nothing of tracing: no id is read or made.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::plan::{self, Lines, Manner, Random};
use super::{DemoError, client};
use crate::trace::ids::RandomSource as _;

/// The longest head that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What the hidden subcommand `demo-service` was told.
#[derive(Debug, Clone)]
pub struct ServiceOptions {
    /// `shop`, `cart` or `stock`.
    pub name: String,
    /// Where arrivals are written, one JSON object a line.
    pub log: PathBuf,
    /// What it does with context headers: `copies`, `drops` or `unmarks`.
    pub manner: String,
    /// For the artificial delays.
    pub seed: u64,
}

struct Service {
    name: String,
    log: Mutex<File>,
    manner: Manner,
    calls: Vec<(String, SocketAddr)>,
    random: Mutex<Random>,
}

/// A request, as far as it matters here. None has a body.
struct Request {
    path: String,
    context: Lines,
}

/// Serves on a free loopback port, which is printed on stderr, until stdin is closed: when the demonstration ends,
/// however it ends, its services end too. The first line of stdin says where to reach the others:
/// `cart=127.0.0.1:4001 stock=127.0.0.1:4002`.
///
/// # Errors
/// A manner that is none, a log that cannot be written, no port, or a first line that cannot be used.
pub fn run_service(options: ServiceOptions) -> Result<(), DemoError> {
    let cannot = |cause| DemoError::Start { what: format!("service {}", options.name), cause };
    let manner = Manner::named(&options.manner).ok_or_else(|| cannot(Error::other("there is no such manner")))?;
    let log = Mutex::new(File::create(&options.log).map_err(cannot)?);
    let listener = TcpListener::bind("127.0.0.1:0").map_err(cannot)?;
    let addr = listener.local_addr().map_err(cannot)?;
    writeln!(std::io::stderr(), "{} listens on {addr}", options.name).map_err(cannot)?;
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).map_err(cannot)? == 0 {
        return Ok(());
    }
    let calls = targets(&line).ok_or_else(|| cannot(Error::other(format!("{line:?} names no addresses"))))?;
    let random = Mutex::new(Random(options.seed));
    let service = Arc::new(Service { name: options.name, log, manner, calls, random });
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let service = Arc::clone(&service);
            // A connection that ends in an error has no one left to tell.
            thread::spawn(move || service.serve(&stream));
        }
    });
    // The threads end with the process.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    Ok(())
}

/// `name=address` for each service that may be called.
fn targets(line: &str) -> Option<Vec<(String, SocketAddr)>> {
    let target = |word: &str| {
        let (name, address) = word.split_once('=')?;
        Some((name.to_owned(), address.parse().ok()?))
    };
    line.split_whitespace().map(target).collect()
}

impl Service {
    /// Request after request, until the client has no more.
    fn serve(&self, stream: &TcpStream) -> Result<(), Error> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        while let Some(request) = read(&mut reader)? {
            let (status, text) = self.answer(&request);
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            writer.write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> (&'static str, String) {
        let Request { path, context } = request;
        let Some(call) = plan::call(&self.name, path) else {
            return ("404 Not Found", format!("{} has no {path}\n", self.name));
        };
        self.note(path, context);
        self.work();
        if let Some(hop) = call {
            let Some(&(_, addr)) = self.calls.iter().find(|(name, _)| name == hop.service) else {
                return ("500 Internal Server Error", format!("no address for {}\n", hop.service));
            };
            match client::get_blocking(addr, &hop.path, &self.manner.sends(context)) {
                Ok(200) => self.work(),
                Ok(status) => return ("502 Bad Gateway", format!("{} answered {status}\n", hop.service)),
                Err(error) => return ("502 Bad Gateway", format!("{}: {error}\n", hop.service)),
            }
        }
        ("200 OK", format!("{} is done\n", self.name))
    }

    /// One line a request: what arrived, as it arrived.
    fn note(&self, path: &str, received: &Lines) {
        let Lines { traceparent, tracestate } = received;
        let entry = serde_json::json!({
            "service": self.name, "path": path, "traceparent": traceparent, "tracestate": tracestate,
        });
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that cannot be written is missing, and the demonstration counts lines.
        let _ = log.write_all(format!("{entry}\n").as_bytes());
    }

    /// 1 to 6 ms.
    fn work(&self) {
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u64();
        thread::sleep(Duration::from_millis(1 + random % 6));
    }
}

/// The next request; `None` where the client has no more.
fn read(reader: &mut impl BufRead) -> Result<Option<Request>, Error> {
    let mut head = reader.take(LONGEST);
    let mut line = Vec::new();
    if head.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let path = String::from_utf8_lossy(&line).split(' ').nth(1).unwrap_or_default().to_owned();
    let mut context = Lines { traceparent: Vec::new(), tracestate: Vec::new() };
    loop {
        line.clear();
        head.read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        let Some((name, value)) = text.trim_end().split_once(':') else {
            return Ok(Some(Request { path, context }));
        };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "traceparent" => context.traceparent.push(value),
            "tracestate" => context.tracestate.push(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_one_after_the_other() {
        let bytes =
            b"GET /cart/1 HTTP/1.1\r\nTraceparent:  a \r\ntracestate: b\r\ntracestate: c=d:e\r\nHost: x\r\n\r\n\
                      GET /stock/2 HTTP/1.1\r\n\r\n";
        let mut reader = &bytes[..];
        let mut next =
            || read(&mut reader).ok().flatten().map(|it| (it.path, it.context.traceparent, it.context.tracestate));
        let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(next(), Some(("/cart/1".to_owned(), lines(&["a"]), lines(&["b", "c=d:e"]))));
        assert_eq!(next(), Some(("/stock/2".to_owned(), lines(&[]), lines(&[]))));
        assert_eq!(next(), None, "the client is gone");
    }
}
