//! One line of the log, as text or as JSON.

use core::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};
use hickory_proto::{op::ResponseCode, rr::RecordType};
use palisade::{flow::LearnedAddresses, is_visible, visible};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// The format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object in each line. `palisade check --timeline --answers` reads the lines about answers.
    Json,
}

/// One line of the log.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry<'e> {
    pub(crate) event: &'static str,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type", serialize_with = "query_type")]
    pub(crate) query_type: Option<RecordType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<&'e str>,
    /// The recorded lookup, in the form of case files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns: Option<Learned<'e>>,
    /// The labels that the name adds to the identity of the addresses.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) labels: &'e [String],
    /// The number of addresses that exceed the limits of the cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) not_learned: usize,
    /// The number of dropped lines.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) lines: usize,
    /// The addresses that the proxy listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<Cow<'e, str>>,
}

/// A lookup with addresses that the cache recorded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Learned<'e> {
    query: &'e str,
    from: &'e str,
    answers: &'e [IpAddr],
    ttl: u64,
    /// Always true: a case file then records the answer without an evaluation of policies.
    learned: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn query_type<S: Serializer>(kind: &Option<RecordType>, serializer: S) -> Result<S::Ok, S::Error> {
    match kind {
        Some(kind) => serializer.collect_str(kind),
        None => serializer.serialize_none(),
    }
}

impl<'e> LogEntry<'e> {
    pub(crate) fn new(event: &'static str, at: u64) -> Self {
        Self { event, at, ..Self::default() }
    }

    pub(crate) fn code(self, code: ResponseCode) -> Self {
        let name = match code {
            ResponseCode::NoError => "NOERROR".into(),
            ResponseCode::FormErr => "FORMERR".into(),
            ResponseCode::ServFail => "SERVFAIL".into(),
            ResponseCode::NXDomain => "NXDOMAIN".into(),
            ResponseCode::NotImp => "NOTIMP".into(),
            ResponseCode::Refused => "REFUSED".into(),
            other => u16::from(other).to_string().into(),
        };
        Self { code: Some(name), ..self }
    }

    pub(crate) fn detail(self, detail: impl Into<Cow<'e, str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub(crate) fn learned(self, pod: &'e str, learned: &'e LearnedAddresses) -> Self {
        if learned.addresses.is_empty() {
            return self;
        }
        let dns = Learned {
            query: &learned.name,
            from: pod,
            answers: &learned.addresses,
            ttl: learned.ttl / 1000,
            learned: true,
        };
        Self { dns: Some(dns), labels: &learned.labels, not_learned: learned.refused, ..self }
    }

    fn text(&self) -> Result<String, core::fmt::Error> {
        let mut line = self.event.to_owned();
        if let (Some(name), Some(kind)) = (&self.name, &self.query_type) {
            write!(line, " {name} {kind}")?;
        }
        if let Some(code) = &self.code {
            write!(line, " {code}")?;
        }
        if let (Some(client), Some(protocol)) = (&self.client, &self.protocol) {
            write!(line, " ({protocol} from {client})")?;
        }
        if let Some(by) = &self.by {
            write!(line, ", by {by}")?;
        }
        if let Some(dns) = &self.dns {
            line.push_str("; learned ");
            for (n, address) in dns.answers.iter().enumerate() {
                write!(line, "{}{address}", if n == 0 { "" } else { ", " })?;
            }
            match dns.ttl {
                0 => line.push_str(" until the next collection"),
                ttl => write!(line, " for {ttl} s")?,
            }
        }
        if !self.labels.is_empty() {
            write!(line, ", opens {}", self.labels.join(", "))?;
        }
        if self.not_learned > 0 {
            write!(line, "; {} addresses were not recorded: the cache is full", self.not_learned)?;
        }
        if let Some(listen) = self.listen {
            write!(line, " on {listen} (UDP and TCP)")?;
        }
        if let Some(http) = self.http {
            write!(line, ", http://{http}")?;
        }
        if let Some(detail) = &self.detail {
            write!(line, ": {detail}")?;
        }
        Ok(line)
    }

    /// Returns the line with its line break.
    pub(super) fn line(&self, format: LogFormat) -> Vec<u8> {
        let mut line = match format {
            LogFormat::Text => visible(&self.text().unwrap_or_default()).into_owned().into_bytes(),
            LogFormat::Json => visible_json(serde_json::to_string(self).unwrap_or_default()).into_bytes(),
        };
        line.push(b'\n');
        line
    }
}

/// Escapes all invisible characters of a JSON text. serde escapes only the control characters that JSON forbids.
fn visible_json(line: String) -> String {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line;
    }
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        if is_visible(c) {
            escaped.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped_in_both_formats() {
        let by = "p\u{202e}\u{1b}[31m\u{e0001}\u{7f}\u{e9}";
        let entry = LogEntry { by: Some(by), ..LogEntry::new("answered", 0) };
        let text = String::from_utf8(entry.line(LogFormat::Text)).unwrap();
        assert_eq!(text, "answered, by p\\u{202e}\\u{1b}[31m\\u{e0001}\\u{7f}\u{e9}\n");
        let json = String::from_utf8(entry.line(LogFormat::Json)).unwrap();
        assert!(json.trim_end().chars().all(is_visible), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["by"], by);
    }
}
