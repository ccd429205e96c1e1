//! TLS and listeners: `serverNames`, `terminatingTLS`, `originatingTLS`, `listener`
//! (docs/semantics/cilium.md#cilium-server-names).

use super::{
    fault::{Faults, L7Fault},
    name,
    scope::{Scope, below},
    secret,
};
use crate::{
    ir::NamePattern,
    options::CiliumVersion,
    resource::cilium::{PortRule, TlsContext},
};
use alloc::{boxed::Box, format, string::String, vec::Vec};

/// The priority of a listener without one.
const DEFAULT_PRIORITY: i64 = 126;

/// The TLS fields and the listener of a `toPorts` item.
#[derive(Debug, Default)]
pub(super) struct Tls {
    pub(super) server_names: Vec<NamePattern>,
    /// Name and priority of a listener.
    pub(super) listener: Option<(String, i64)>,
    /// The reason why the agent cannot compute the policy of the endpoint.
    pub(super) error: Option<Box<str>>,
}

/// Reads the TLS fields and the listener of `rule`.
pub(super) fn read(rule: &PortRule, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Tls {
    let mut tls = Tls { server_names: server_names(rule, path, scope, faults), ..Tls::default() };
    for (context, field) in
        [(&rule.terminating_tls, "terminatingTLS"), (&rule.originating_tls, "originatingTLS")]
    {
        let Some(context) = context else { continue };
        let at = below(path, field);
        if !has_secret(context, scope) {
            let why = format!("{at}: there is no Secret `{}`", secret::title(context.secret.as_ref(), scope));
            tls.error.get_or_insert(why.into());
        }
    }
    let Some(listener) = &rule.listener else { return tls };
    let config = listener.envoy_config.as_ref();
    let kind = config.and_then(|c| c.kind.as_deref()).filter(|k| !k.is_empty());
    let name = config.and_then(|c| c.name.as_deref()).unwrap_or_default();
    let listener_name = listener.name.as_deref().unwrap_or_default();
    let priority = listener.priority.filter(|p| *p != 0).unwrap_or(DEFAULT_PRIORITY);
    let scope_of =
        if kind == Some("CiliumClusterwideEnvoyConfig") { "" } else { scope.namespace.unwrap_or("") };
    tls.listener = Some((format!("{scope_of}/{name}/{listener_name}"), priority));
    tls
}

/// Whether the Secret of `context` exists.
pub(crate) fn has_secret(context: &TlsContext, scope: &Scope<'_>) -> bool {
    context.secret.as_ref().is_some_and(|reference| secret::find(reference, scope).is_some())
}

fn server_names(rule: &PortRule, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Vec<NamePattern> {
    let mut names = Vec::new();
    for (i, text) in rule.server_names.iter().flatten().enumerate() {
        let at = format!("{path}.serverNames[{i}]");
        if text.is_empty() {
            continue;
        }
        if let Err(reason) = name::validate_pattern(text) {
            faults.add(at, L7Fault::InvalidServerName(reason));
            continue;
        }
        let bare = text.strip_prefix("**.").or_else(|| text.strip_prefix("*.")).unwrap_or(text);
        if scope.options.cilium.version < CiliumVersion::V1_20 && bare.contains('*') {
            faults.add(at, L7Fault::StarInServerName(text.clone()));
            continue;
        }
        names.push(pattern(text));
    }
    names
}

/// Returns the pattern of a server name. Each run of stars is one star, except a leading `**.`; a final dot has no
/// effect.
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
    fn stars_in_a_row_are_one_star_except_a_leading_pair() {
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
