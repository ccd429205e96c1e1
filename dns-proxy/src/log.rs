//! What happened, a line each: for people, or as JSON.

use core::net::{IpAddr, SocketAddr};
use hickory_proto::op::ResponseCode;
use palisade::flow::Opened;
use serde::Serialize;
use std::io::Write;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For scripts: an object a line. Those of answers are what `palisade check --timeline --answers` reads.
    Json,
}

/// Writes lines to standard output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    format: LogFormat,
}

/// One line.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) event: &'static str,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    pub(crate) query_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// What was learned, as case files write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns: Option<Learned>,
    /// The labels that the addresses have by this name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
    /// Addresses that found no room in the cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) not_learned: usize,
    /// The addresses that the proxy listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// A lookup that taught.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Learned {
    query: String,
    from: String,
    answers: Vec<IpAddr>,
    ttl: u64,
    /// It was: whoever reads this need not ask policy again.
    learned: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Entry {
    pub(crate) fn new(event: &'static str, at: u64) -> Self {
        Self { event, at, ..Self::default() }
    }

    pub(crate) fn code(self, code: ResponseCode) -> Self {
        let name = match code {
            ResponseCode::NoError => "NOERROR".to_owned(),
            ResponseCode::FormErr => "FORMERR".to_owned(),
            ResponseCode::ServFail => "SERVFAIL".to_owned(),
            ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
            ResponseCode::NotImp => "NOTIMP".to_owned(),
            ResponseCode::Refused => "REFUSED".to_owned(),
            other => u16::from(other).to_string(),
        };
        Self { code: Some(name), ..self }
    }

    pub(crate) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub(crate) fn opened(self, pod: &str, opened: Opened) -> Self {
        if opened.addresses.is_empty() {
            return self;
        }
        let dns = Learned {
            query: opened.name,
            from: pod.to_owned(),
            answers: opened.addresses,
            ttl: opened.ttl / 1000,
            learned: true,
        };
        Self { dns: Some(dns), labels: opened.labels, not_learned: opened.refused, ..self }
    }

    fn text(&self) -> String {
        let mut line = self.event.to_owned();
        if let (Some(name), Some(kind)) = (&self.name, &self.query_type) {
            line.push_str(&format!(" {name} {kind}"));
        }
        if let Some(code) = &self.code {
            line.push_str(&format!(" {code}"));
        }
        if let (Some(client), Some(protocol)) = (&self.client, &self.protocol) {
            line.push_str(&format!(" ({protocol} from {client})"));
        }
        if let Some(by) = &self.by {
            line.push_str(&format!(", by {by}"));
        }
        if let Some(dns) = &self.dns {
            let addresses: Vec<String> = dns.answers.iter().map(ToString::to_string).collect();
            line.push_str(&format!("; learned {} for {} s", addresses.join(", "), dns.ttl));
        }
        if !self.labels.is_empty() {
            line.push_str(&format!(", opens {}", self.labels.join(", ")));
        }
        if self.not_learned > 0 {
            line.push_str(&format!("; {} addresses were not learned: the cache is full", self.not_learned));
        }
        if let Some(listen) = self.listen {
            line.push_str(&format!(" on {listen} (UDP and TCP)"));
        }
        if let Some(http) = self.http {
            line.push_str(&format!(", http://{http}"));
        }
        if let Some(detail) = &self.detail {
            line.push_str(&format!(": {detail}"));
        }
        line
    }
}

impl Log {
    /// A log of this format.
    pub fn new(format: LogFormat) -> Self {
        Self { format }
    }

    pub(crate) fn write(&self, entry: &Entry) {
        let line = match self.format {
            LogFormat::Text => entry.text(),
            LogFormat::Json => serde_json::to_string(entry).unwrap_or_default(),
        };
        // A reader that went away is no reason to stop: the pod still needs its answers.
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
