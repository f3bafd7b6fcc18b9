//! One JSON object a span, one line each: what would be sent, read back from the very bytes.

use std::io::{self, Write};
use std::sync::mpsc;

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use tokio::sync::oneshot;

use super::ExportError;
use super::decode::{ReceivedSpan, Status, Value, decode_traces};
use super::outcome::Outcome;
use super::retry::Transport;

/// Writes lines on a thread of its own: a reader that does not read blocks nothing else.
pub(super) struct Printer {
    jobs: mpsc::Sender<Job>,
}

type Job = (Vec<u8>, oneshot::Sender<io::Result<()>>);

impl Printer {
    /// Prints to `output`. The thread ends with the printer.
    pub(super) fn new(mut output: impl Write + Send + 'static) -> Result<Self, ExportError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let print = move || {
            for (lines, done) in queue {
                // Nobody waits any more when the time was up; the lines are out all the same.
                let _ = done.send(output.write_all(&lines).and_then(|()| output.flush()));
            }
        };
        let thread = std::thread::Builder::new().name("span-printer".to_owned()).spawn(print);
        thread.map_err(|reason| ExportError::Client { endpoint: "stdout".to_owned(), reason: reason.to_string() })?;
        Ok(Self { jobs })
    }
}

impl Transport for Printer {
    async fn send(&self, body: Bytes) -> Outcome {
        let refused = |cause: String| Outcome::Refused { cause };
        let lines = match decode_traces(&body) {
            Ok(spans) => spans.iter().map(|span| format!("{}\n", line(span))).collect::<String>().into_bytes(),
            Err(reason) => return refused(reason.to_string()),
        };
        let (done, wait) = oneshot::channel();
        if self.jobs.send((lines, done)).is_err() {
            return refused("the printing thread is gone".to_owned());
        }
        match wait.await {
            Ok(Ok(())) => Outcome::Accepted { rejected: 0, message: String::new() },
            Ok(Err(reason)) => refused(format!("stdout cannot be written: {reason}")),
            Err(_) => refused("the printing thread is gone".to_owned()),
        }
    }
}

/// A span as JSON: ids in hex, times in nanoseconds since the epoch as text, because JSON numbers end at 2^53.
fn line(span: &ReceivedSpan) -> Json {
    let (status, message) = match &span.status {
        Status::Unset => ("UNSET", ""),
        Status::Ok => ("OK", ""),
        Status::Error(message) => ("ERROR", message.as_str()),
    };
    json!({
        "trace_id": hex(&span.trace_id),
        "span_id": hex(&span.span_id),
        "parent_span_id": span.parent_id.map(|id| hex(&id)),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind.name(),
        "start_time_unix_nano": span.start_unix_nano.to_string(),
        "end_time_unix_nano": span.end_unix_nano.to_string(),
        "status": { "code": status, "message": message },
        "attributes": object(&span.attributes),
        "resource": object(&span.resource),
    })
}

fn object(attributes: &[(String, Value)]) -> Map<String, Json> {
    let json = |value: &Value| match value {
        Value::Text(text) | Value::Other(text) => json!(text),
        Value::Int(number) => json!(number),
        Value::Bool(truth) => json!(truth),
        Value::Float(number) => json!(number),
    };
    attributes.iter().map(|(key, value)| (key.clone(), json(value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test panics")]
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::export::encode::Encoder;
    use crate::export::example::{edge, record};
    use crate::export::resource::Resource;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn body() -> Bytes {
        Encoder::new(&Resource::detect(&[])).encode(&[record(1, &edge(false))]).into()
    }

    #[tokio::test]
    async fn each_span_is_a_line() {
        let output = Shared::default();
        let outcome = Printer::new(output.clone()).unwrap().send(body()).await;
        assert_eq!(outcome, Outcome::Accepted { rejected: 0, message: String::new() });
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["trace_id"], "00000000000000000000000000000002");
        assert_eq!(lines[1]["parent_span_id"], lines[0]["span_id"]);
        assert_eq!(lines[0]["attributes"]["http.response.status_code"], 200);
        assert_eq!(lines[0]["resource"]["service.name"], "shop");
        assert_eq!(lines[0]["trace_state"], "foo=1 , checkly=true");
    }

    #[tokio::test]
    async fn a_closed_stdout_loses_spans_and_nothing_else() {
        let outcome = Printer::new(Closed).unwrap().send(body()).await;
        assert!(matches!(outcome, Outcome::Refused { cause } if cause.contains("stdout")));
    }
}
