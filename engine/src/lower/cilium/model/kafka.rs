//! Kafka rules, which only Cilium up to 1.19 has.

use super::fault::{Faults, L7Fault};
use alloc::format;
use serde_json::Value;

/// Records the faults of the Kafka rules `list` at `path`.
pub(super) fn sanitize(list: &[Value], path: &str, faults: &mut Faults) {
    for (i, rule) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let text = |field: &str| rule.get(field).and_then(Value::as_str).filter(|t| !t.is_empty());
        if text("role").is_some() && text("apiKey").is_some() {
            faults.add(at.as_str(), L7Fault::KafkaRoleAndApiKey);
        }
        if text("role").is_some_and(|r| !matches!(&*r.to_ascii_lowercase(), "produce" | "consume")) {
            faults.add(at.as_str(), L7Fault::UnknownKafkaRole);
        }
        if text("topic").is_some_and(|topic| !is_topic(topic)) {
            faults.add(at, L7Fault::InvalidKafkaTopic);
        }
    }
}

fn is_topic(text: &str) -> bool {
    text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
