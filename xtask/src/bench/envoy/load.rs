//! A client that keeps its connections open and checks every answer.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail, ensure};
use palisade_envoy::client::{Client, Connection};
use palisade_envoy::config::BODY;

/// The number of connections, each with one request at a time.
pub(super) const CONNECTIONS: usize = 16;

/// The body of a denial by native RBAC and by the filter.
const DENIED: &str = "RBAC: access denied";

/// Connections to one listener that stay open.
#[derive(Debug)]
pub(super) struct Load {
    connections: Vec<Connection>,
    allowed: Vec<u8>,
    denied: Vec<u8>,
}

impl Load {
    /// Opens connections of `client`. Allowed requests have the path `path`, denied requests another one.
    pub(super) fn new(client: &Client, path: &str) -> Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| client.connect()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { connections, allowed: request(path), denied: request("/other/items/42") })
    }

    /// Sends `count` requests, one at a time on each connection, and waits for all answers.
    pub(super) fn run(&mut self, count: usize, allowed: bool) -> Result<()> {
        let (request, status, body) = if allowed {
            (&self.allowed, &b"HTTP/1.1 200 "[..], BODY)
        } else {
            (&self.denied, &b"HTTP/1.1 403 "[..], DENIED)
        };
        let end = format!("\r\n\r\n{body}");
        for _ in 0..count / CONNECTIONS {
            for connection in &mut self.connections {
                connection.write_all(request)?;
                connection.flush()?;
            }
            for connection in &mut self.connections {
                answer(connection, status, end.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Returns a request with about as many headers as a typical request to a sidecar.
fn request(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: sample.foo\r\nuser-agent: load/1\r\naccept: */*\r\naccept-encoding: gzip\r\n\
         x-request-id: 6f6c2a2e-0000-4000-8000-3c1c5a1b0f5d\r\nx-b3-traceid: 463ac35c9f6413ad48485a3953bb6124\r\n\
         x-b3-spanid: a2fb4a1d1a96d312\r\ncontent-type: application/json\r\n\r\n"
    )
    .into_bytes()
}

/// Reads one answer with this status and this end. There is only one, because the connection has one request at a time.
fn answer(connection: &mut impl Read, status: &[u8], end: &[u8]) -> Result<()> {
    let mut space = [0; 4096];
    let mut length: usize = 0;
    loop {
        let free = space.get_mut(length..).context("an answer of more than 4 KiB")?;
        let read = connection.read(free)?;
        ensure!(read > 0, "Envoy closed a connection");
        length = length.saturating_add(read);
        let seen = space.get(..length).unwrap_or_default();
        let expected = status.get(..seen.len()).unwrap_or(status);
        if !seen.starts_with(expected) {
            bail!("unexpected answer: {}", String::from_utf8_lossy(seen));
        }
        if seen.ends_with(end) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 ";

    #[test]
    fn answer_in_several_reads_is_accepted() {
        let mut pieces = b"HTTP/1.1 200 OK\r\ncontent-le".as_slice().chain(b"ngth: 2\r\n\r\nok".as_slice());
        answer(&mut pieces, OK, b"\r\n\r\nok").unwrap();
    }

    #[test]
    fn unexpected_status_or_closed_connection_is_an_error() {
        let wrong = answer(&mut b"HTTP/1.1 403 Forbidden\r\n\r\n".as_slice(), OK, b"\r\n\r\nok");
        assert!(wrong.unwrap_err().to_string().contains("403 Forbidden"));
        let cut = answer(&mut b"HTTP/1.1 200 OK\r\n".as_slice(), OK, b"\r\n\r\nok");
        assert!(cut.unwrap_err().to_string().contains("closed"));
    }
}
