//! Warnings about what a proxy looks at (docs/semantics/cilium.md#cilium-l7-without-default-deny,
//! docs/semantics/cilium.md#cilium-path-with-query, docs/semantics/cilium.md#cilium-http-headers).

use super::{Findings, peer::Scope, selector::below};
use crate::resource::cilium::{HttpRule, PortRule};
use alloc::format;
use alloc::vec::Vec;

/// Names the traps of the item `rule` at `path`.
pub(super) fn check(rule: &PortRule, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    for (i, name) in rule.server_names.iter().flatten().enumerate() {
        if !name.is_empty() && name.bytes().all(|b| b == b'*') {
            let at = format!("{path}.serverNames[{i}]");
            let message =
                format!("`{name}` lets every server name pass; it only asks for TLS with a server name");
            findings.warn("any-server-name", &at, message, "list the names, such as `*.example.com`");
        }
    }
    for (i, item) in rule.rules.iter().flat_map(|r| &r.http).flatten().enumerate() {
        http(item, &format!("{path}.rules.http[{i}]"), scope, findings);
    }
}

/// Rules of a proxy in an entry at `path` whose rule does not arm default deny
/// (docs/semantics/cilium.md#cilium-l7-without-default-deny).
pub(super) fn unarmed(items: &[PortRule], path: &str, findings: &mut Findings) {
    for (i, rules) in items.iter().enumerate().filter_map(|(i, item)| Some((i, item.rules.as_ref()?))) {
        let lists = [
            ("http", rules.http.as_ref().map_or(0, Vec::len)),
            ("dns", rules.dns.as_ref().map_or(0, Vec::len)),
        ];
        for (field, _) in lists.into_iter().filter(|(_, len)| *len > 0) {
            let at = format!("{path}.toPorts[{i}].rules.{field}");
            let message =
                "without default deny the proxy refuses nothing, unless another rule arms the direction";
            let help = "leave `enableDefaultDeny` out, or remove the rules";
            findings.warn("idle-proxy-rules", &at, message, help);
        }
    }
}

fn http(rule: &HttpRule, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    for (i, text) in rule.headers.iter().flatten().enumerate() {
        if let Some((name, value)) = text.split_once(':')
            && !text.contains(' ')
        {
            let at = format!("{path}.headers[{i}]");
            let message = format!("`{text}` asks for a header of that whole name, which no request has");
            let help = match value {
                "" => format!("write `{name}` to ask for the header, whatever its value"),
                value => format!("write `{name}: {value}`, with a space"),
            };
            findings.warn("header-text", &at, message, &help);
        }
    }
    let open = |path: &str| path.ends_with('*') || path.ends_with('+') || path.contains('?');
    if let Some(text) = rule.path.as_deref().filter(|p| scope.is_strict() && !p.is_empty() && !open(p)) {
        let message = format!("`{text}` is matched with the query, so a request with one is refused");
        let help = format!("write `{text}([?].*)?` where a query is fine");
        findings.warn("path-with-query", &below(path, "path"), message, &help);
    }
}
