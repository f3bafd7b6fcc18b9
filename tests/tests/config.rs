//! The configuration file as its users meet it: the commands that make, check and show one, and the agent that runs by it.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "config/agent.rs"]
mod agent;
#[path = "config/commands.rs"]
mod commands;
#[path = "config/probe.rs"]
mod probe;
#[path = "config/reload.rs"]
mod reload;

use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;
use throughline_tests::binary::Binary;

/// A configuration file in a folder of its own.
struct File {
    folder: TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("throughline.yaml");
        let file = Self { folder, path };
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.path, text).expect("the file can be written");
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("a path of text")
    }

    /// An agent that runs by it, exporting nothing unless the file says more.
    fn agent(&self) -> Binary {
        Binary::start(&["agent", "--config", self.path()])
    }
}

/// A file of these proxies, each a service with its upstream and further keys, on free ports.
fn file_of(proxies: &[(&str, SocketAddr, &str)], sections: &str) -> String {
    let proxy = |(service, upstream, keys): &(&str, SocketAddr, &str)| {
        format!("  - {{service: {service}, listen: '127.0.0.1:0', upstream: 'http://{upstream}'{keys}}}\n")
    };
    let proxies: String = proxies.iter().map(proxy).collect();
    format!("file_format: \"1\"\nproxies:\n{proxies}admin: {{listen: '127.0.0.1:0'}}\n{sections}\n")
}
