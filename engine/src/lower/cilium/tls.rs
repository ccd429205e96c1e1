//! TLS and listeners: `serverNames`, `terminatingTLS`, `originatingTLS`, `listener`
//! (docs/semantics/cilium.md#cilium-server-names).

use super::{Findings, l7::Inspection, name, peer::Scope, secret, selector::below};
use crate::{
    ir::NamePattern,
    options::CiliumVersion,
    resource::cilium::{PortRule, TlsContext},
};
use alloc::{format, string::String, vec::Vec};

/// Rank of a listener that has none of its own.
const DEFAULT_PRIORITY: i64 = 126;

/// Reads the fields of `rule` into `seen`.
pub(super) fn read(
    rule: &PortRule,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
    seen: &mut Inspection,
) {
    seen.server_names = server_names(rule, path, scope, findings);
    for (context, field) in
        [(&rule.terminating_tls, "terminatingTLS"), (&rule.originating_tls, "originatingTLS")]
    {
        let Some(context) = context else { continue };
        let at = below(path, field);
        if !has_secret(context, scope) {
            let help = "give the Secret's manifest; without it the agent keeps the old policy";
            findings.warn("missing-secret", &at, "there is no such Secret", help);
            let why = format!("{at}: there is no Secret `{}`", secret::title(context.secret.as_ref(), scope));
            seen.error.get_or_insert(why.into());
        }
    }
    seen.terminating.clone_from(&rule.terminating_tls);
    seen.originating.clone_from(&rule.originating_tls);
    let Some(listener) = &rule.listener else { return };
    let at = below(path, "listener");
    let config = listener.envoy_config.as_ref();
    let kind = config.and_then(|c| c.kind.as_deref()).filter(|k| !k.is_empty());
    let name = config.and_then(|c| c.name.as_deref()).unwrap_or_default();
    let listener_name = listener.name.as_deref().unwrap_or_default();
    let message = "what the listener does with the traffic is its own: only the policy in front is decided";
    findings.warn("listener-decides", &at, message, "read the CiliumEnvoyConfig beside it");
    let priority = listener.priority.filter(|p| *p != 0).unwrap_or(DEFAULT_PRIORITY);
    let scope_of =
        if kind == Some("CiliumClusterwideEnvoyConfig") { "" } else { scope.namespace.unwrap_or("") };
    seen.listener = Some((format!("{scope_of}/{name}/{listener_name}"), priority));
}

fn has_secret(context: &TlsContext, scope: &Scope<'_>) -> bool {
    context.secret.as_ref().is_some_and(|reference| secret::find(reference, scope).is_some())
}

fn server_names(rule: &PortRule, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Vec<NamePattern> {
    let mut names = Vec::new();
    for (i, text) in rule.server_names.iter().flatten().enumerate() {
        let at = format!("{path}.serverNames[{i}]");
        if text.is_empty() {
            continue;
        }
        if let Err(message) = name::validate_pattern(text) {
            findings.error("bad-name", &at, message, "a server name is a DNS name, with `*` in its labels");
            continue;
        }
        let bare = text.strip_prefix("**.").or_else(|| text.strip_prefix("*.")).unwrap_or(text);
        if scope.options.cilium.version < CiliumVersion::V1_20 && bare.contains('*') {
            let help = "before Cilium 1.20 a star may only be the whole first label";
            findings.error("bad-name", &at, format!("`{text}` has a star inside"), help);
            continue;
        }
        names.push(pattern(text));
    }
    names
}

/// Every run of stars is one star, but a leading `**.`; a final dot counts nothing.
fn pattern(text: &str) -> NamePattern {
    let mut kept = String::with_capacity(text.len());
    let rest = match text.trim_start_matches('*') {
        rest if rest.starts_with('.') && text.starts_with("**") => {
            kept.push_str("**");
            rest
        }
        _ => text,
    };
    for character in rest.chars() {
        if character != '*' || !kept.ends_with('*') {
            kept.push(character);
        }
    }
    if !kept.contains('*') {
        return NamePattern::Name(name::canonical(&kept));
    }
    NamePattern::Wildcard { pattern: name::canonical(&kept), subdomains: true, any_bytes: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::name::matches_one;

    #[test]
    fn stars_are_put_together_but_for_a_leading_pair() {
        for (text, name, expected) in [
            ("**.x.io", "a.b.x.io.", true),
            ("**.x.io", "x.io.", false),
            ("*.x.io", "a.b.x.io.", false),
            ("sub.**.x.io", "sub.a.b.x.io.", false),
            ("sub.**.x.io", "sub.a.x.io.", true),
            ("x.io.", "x.io.", true),
            ("X.io", "x.io.", true),
            ("**", "a.b.", true),
        ] {
            assert_eq!(matches_one(&pattern(text), name.as_bytes()), expected, "{text} {name}");
        }
    }
}
