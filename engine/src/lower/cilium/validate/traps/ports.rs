//! Warnings about ports and ICMP types (docs/semantics/cilium.md#cilium-port-text).

use super::super::super::model::{below, icmp_kind, is_service_name};
use crate::{
    diagnostic::Report,
    net::Protocol,
    resource::cilium::{IcmpRule, PortProtocol, PortRule},
};
use alloc::format;

/// Adds the warnings about the ports of `item` at `path`.
pub(super) fn check(item: &PortRule, path: &str, report: &mut Report<'_>) {
    let list = item.ports.as_deref().unwrap_or_default();
    if list.is_empty() {
        let help = "list `ports`, or remove the item";
        report.warn("no-port", path, "the item names no port, so it contributes nothing", help);
    }
    for (i, port) in list.iter().enumerate() {
        port_text(port, &format!("{path}.ports[{i}]"), report);
    }
}

/// A text that the agent reads as another port than it seems, or a range that depends on the direction
/// (docs/semantics/cilium.md#cilium-named-port-range).
fn port_text(item: &PortProtocol, path: &str, report: &mut Report<'_>) {
    let text = item.port.as_deref().unwrap_or_default();
    let is_name = is_service_name(text);
    if text.strip_prefix("0x").is_some_and(|t| t.bytes().all(|b| b.is_ascii_hexdigit())) {
        let message = format!("`{text}` is read as the name of a port, not as a number");
        report.warn("hex-port", &below(path, "port"), message, "write it in decimal");
    } else if text.starts_with('0') && text.len() > 1 && !is_name {
        let message = format!("`{text}` is read as an octal number");
        report.warn("octal-port", &below(path, "port"), message, "write it in decimal, without the zero");
    }
    if is_name && item.end_port.is_some_and(|e| e != 0) {
        let message = "`endPort` with a named port opens a range on ingress, and on egress up to Cilium 1.19";
        report.warn("named-range", &below(path, "endPort"), message, "write the numbers");
    }
}

/// Warns of the ICMP type 0 in `item` at `path` (docs/semantics/cilium.md#cilium-icmp-type-zero).
pub(super) fn icmp_type_zero(item: &IcmpRule, path: &str, report: &mut Report<'_>) {
    for (i, field) in item.fields.iter().flatten().enumerate() {
        if matches!(icmp_kind(field), Ok((Protocol::Icmp, 0))) {
            let at = format!("{path}.fields[{i}]");
            let help = "the agent keeps type 0 (EchoReply) as the wildcard; replies need no rule";
            report.warn("icmp-type-0", &at, "type 0 matches every ICMP type", help);
        }
    }
}
