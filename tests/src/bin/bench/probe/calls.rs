//! System calls, over and over, in CPU time.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::machine;

/// A system call to measure.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// Whether the probe has nothing to do with it.
    pub(crate) unrelated: bool,
    times: u32,
    make: fn(u32) -> anyhow::Result<()>,
}

/// All of them.
pub(crate) const CALLS: &[Call] = &[
    Call { name: "getppid, which no program is attached to", unrelated: true, times: 2_000_000, make: parent },
    Call { name: "read from /dev/zero, which is no socket", unrelated: true, times: 1_000_000, make: zero },
    Call { name: "write to and read from a TCP connection", unrelated: false, times: 100_000, make: connection },
];

impl Call {
    /// What one takes.
    ///
    /// # Errors
    /// When the scheduler's accounting cannot be read, or the call fails.
    pub(crate) fn nanoseconds(&self) -> anyhow::Result<f64> {
        (self.make)(self.times / 10)?;
        let before = machine::cpu_nanoseconds(std::process::id())?;
        (self.make)(self.times)?;
        Ok((machine::cpu_nanoseconds(std::process::id())? - before) as f64 / f64::from(self.times))
    }
}

fn parent(times: u32) -> anyhow::Result<()> {
    for _ in 0..times {
        black_box(std::os::unix::process::parent_id());
    }
    Ok(())
}

fn zero(times: u32) -> anyhow::Result<()> {
    let (mut file, mut buffer) = (File::open("/dev/zero")?, [0; 64]);
    for _ in 0..times {
        file.read_exact(&mut buffer)?;
    }
    Ok(())
}

fn connection(times: u32) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    let mut buffer = [0; 64];
    for _ in 0..times {
        client.write_all(&buffer)?;
        server.read_exact(&mut buffer)?;
    }
    Ok(())
}
