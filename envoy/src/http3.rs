//! An HTTP/3 client that sets the connection ID, as any QUIC client can.
//!
//! It runs aioquic, a Python library, because Rust's QUIC libraries choose the connection ID themselves. Its packages are
//! pinned by hash and installed into the target directory. Only Python 3.11 with pip is required.

use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::certs::Identity;
use crate::http2::{Fields, StreamRequest, StreamResponse};
use crate::python::{self, HELP};

const CLIENT: &str = include_str!("http3/client.py");
const REQUIREMENTS: &str = include_str!("http3/requirements.txt");

/// The time within which a request must be answered.
const ANSWER: Duration = Duration::from_secs(20);

/// A process with HTTP/3 connections. Dropping it closes them.
#[derive(Debug)]
pub struct Http3 {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The directory with certificates and keys, which the process reads from files.
    folder: TempDir,
    files: usize,
}

/// The parameters of a connection.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The port of 127.0.0.1.
    pub port: u16,
    /// The client's certificate, if it sends one.
    pub identity: Option<&'a Identity>,
    /// The TLS server name, if it sends one.
    pub server_name: Option<&'a str>,
    /// The destination connection ID of the first packet, 8 to 20 bytes; random if empty.
    pub id: &'a [u8],
    /// The time within which the handshake must complete.
    pub timeout: Duration,
}

/// An open connection of an [`Http3`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection(u64);

impl<'a> Target<'a> {
    /// Returns the parameters of a connection with a random ID, without certificate and server name.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { port, identity: None, server_name: None, id: &[], timeout: Duration::from_secs(10) }
    }

    /// Sets the certificate.
    #[must_use]
    pub fn with_identity(self, identity: &'a Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }
}

impl Http3 {
    /// Starts the process. Installs its packages first if they are missing.
    ///
    /// # Errors
    ///
    /// Returns an error if Python or its packages are missing.
    pub fn start() -> Result<Self> {
        let mut child = Command::new("python3")
            .args(["-c", CLIENT])
            .env("PYTHONPATH", python::packages("http3", REQUIREMENTS)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `python3`\n{HELP}"))?;
        let commands = child.stdin.take().context("the client has no input")?;
        let answers = BufReader::new(child.stdout.take().context("the client has no output")?);
        let folder = tempfile::tempdir().context("cannot create a folder for certificates")?;
        Ok(Self { child, commands, answers, folder, files: 0 })
    }

    /// Opens a connection, or returns `None` if the handshake fails or does not complete in time.
    ///
    /// # Errors
    ///
    /// Returns an error if the process has ended.
    pub fn connect(&mut self, target: &Target<'_>) -> Result<Option<Connection>> {
        let command = self.target("connect", target)?;
        Ok(self.command(&Value::Object(command))?.as_u64().map(Connection))
    }

    /// Returns the command `name`, which opens connections.
    fn target(&mut self, name: &str, target: &Target<'_>) -> Result<Map<String, Value>> {
        let (certificate, key) = match target.identity {
            Some(identity) => {
                self.files += 1;
                let (certificate, key) = identity.write(self.folder.path(), &self.files.to_string())?;
                (Some(certificate), Some(key))
            }
            None => (None, None),
        };
        let id: String = target.id.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(members([
            ("do", json!(name)),
            ("port", json!(target.port)),
            ("server_name", json!(target.server_name)),
            ("id", json!(id)),
            ("certificate", json!(certificate)),
            ("key", json!(key)),
            ("seconds", json!(target.timeout.as_secs_f64())),
        ]))
    }

    /// Sends all `requests` concurrently and returns the answer to each.
    ///
    /// # Errors
    ///
    /// Returns an error if the process has ended or a request was not answered in time.
    pub fn exchange(
        &mut self,
        connection: Connection,
        requests: &[StreamRequest],
    ) -> Result<Vec<StreamResponse>> {
        let command = members([("do", json!("ask")), ("connection", json!(connection.0))]);
        let answers = self.answers(command, requests)?;
        let missing = || format!("a request over HTTP/3 was not answered within {ANSWER:?}");
        answers.into_iter().map(|answer| answer.with_context(missing)).collect()
    }

    /// Sends each of `requests` over its own connection, concurrently, and returns the answers. An answer is `None` if it does not
    /// arrive in time or the handshake does not complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the process has ended.
    pub fn exchange_separately(
        &mut self,
        target: &Target<'_>,
        requests: &[StreamRequest],
    ) -> Result<Vec<Option<StreamResponse>>> {
        let command = self.target("ask_alone", target)?;
        self.answers(command, requests)
    }

    fn answers(
        &mut self,
        mut command: Map<String, Value>,
        requests: &[StreamRequest],
    ) -> Result<Vec<Option<StreamResponse>>> {
        let request = |sent: &StreamRequest| {
            json!({"fields": pairs(&sent.fields), "body": text(&sent.body),
                   "trailers": pairs(&sent.trailers), "reset": sent.reset})
        };
        command.insert("requests".into(), requests.iter().map(request).collect());
        command.insert("seconds".into(), json!(ANSWER.as_secs_f64()));
        Ok(self.command(&Value::Object(command))?.as_array().into_iter().flatten().map(answer).collect())
    }

    /// Closes a connection and waits until its last packet is sent.
    ///
    /// # Errors
    ///
    /// Returns an error if the process has ended.
    pub fn close(&mut self, connection: Connection) -> Result<()> {
        self.command(&json!({"do": "close", "connection": connection.0})).map(|_| ())
    }

    fn command(&mut self, command: &Value) -> Result<Value> {
        writeln!(self.commands, "{command}").context("the HTTP/3 client has ended")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("the HTTP/3 client has ended: `{line}`\n{HELP}"))
    }
}

impl Drop for Http3 {
    fn drop(&mut self) {
        // Both calls fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    text.as_str().unwrap_or_default().chars().filter_map(|c| u8::try_from(c).ok()).collect()
}

fn pairs(fields: &Fields) -> Vec<[String; 2]> {
    fields.iter().map(|(name, value)| [text(name), text(value)]).collect()
}

/// Returns `None` if there is no answer.
fn answer(value: &Value) -> Option<StreamResponse> {
    if value.is_null() {
        return None;
    }
    let member = |name: &str| value.get(name).cloned().unwrap_or_default();
    let fields = member("fields");
    let field = |field: &Value| Some((bytes(field.get(0)?), bytes(field.get(1)?)));
    Some(StreamResponse {
        fields: fields.as_array().into_iter().flatten().filter_map(field).collect(),
        body: bytes(&member("body")),
        whole: member("whole") == json!(true),
    })
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_bytes_are_unchanged_in_both_directions() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(bytes(&json!(text(&all))), all);
    }

    #[test]
    fn missing_answer_is_none() {
        assert!(answer(&Value::Null).is_none());
        let whole = json!({"fields": [[":status", "200"]], "body": "ok", "whole": true});
        let answer = answer(&whole).unwrap();
        assert_eq!((answer.status(), answer.body.as_slice(), answer.whole), (200, &b"ok"[..], true));
    }

    #[test]
    fn every_python_package_is_pinned_by_hash() {
        let lines: Vec<_> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().filter(|line| line.contains("==")).all(|line| line.ends_with('\\')));
        assert!(lines.iter().any(|line| line.starts_with("aioquic==")));
    }
}
