//! Conflicts between rules that the agent cannot merge. The policy of the endpoint then cannot be computed
//! (docs/semantics/cilium.md#cilium-conflicts).

use super::super::model::{Entry, L7, Level, PeerSpec, PerSelectorPolicy, Port, PortGroup, Ports};
use crate::{ir::Effect, ir::Test, rule_id::RuleId};
use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec, vec::Vec};

/// The key under which the agent merges rules: level, port and selector. `None` is every port of every protocol.
type MergeKey = (Level, Option<Port>, Vec<Test>);

/// Returns each selector of `peers` by itself.
pub(crate) fn selectors(peers: &PeerSpec) -> Vec<Vec<Test>> {
    let PeerSpec::AnyOf(clauses) = peers else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for clause in clauses {
        match &*clause.tests {
            [test] if !test.negated => all.extend(test.split().into_iter().map(|test| vec![test])),
            tests => all.push(tests.to_vec()),
        }
    }
    all
}

/// Returns the reason why the agent cannot merge `entries`, if it cannot.
pub(crate) fn conflict(entries: &[&Entry]) -> Option<Box<str>> {
    let mut sorted: Vec<&Entry> = entries.iter().copied().filter(|e| e.effect == Effect::Allow).collect();
    // The agent merges in the order of the names of the policies.
    sorted.sort_by(|a, b| a.merge_key().cmp(&b.merge_key()));
    let mut places: BTreeMap<MergeKey, Merged<'_>> = BTreeMap::new();
    for entry in sorted {
        let groups: Vec<(Option<&Port>, Option<&PortGroup>)> = match &entry.ports {
            Ports::Any => vec![(None, None)],
            Ports::Listed(groups) => {
                groups.iter().flat_map(|g| g.ports.iter().map(move |p| (Some(p), Some(g)))).collect()
            }
        };
        for (port, group) in groups {
            if let Some(error) = group.and_then(|g| g.policy.error.as_ref()) {
                return Some(format!("{}: {error}", entry.id).into());
            }
            let policy = group.map(|g| &g.policy).filter(|policy| **policy != PerSelectorPolicy::default());
            if policy.is_none() && entry.authentication.is_none() {
                continue;
            }
            for selector in selectors(&entry.peers) {
                let merged = places.entry((entry.level, port.cloned(), selector)).or_default();
                if let Err((other, what)) = merged.add(entry, policy) {
                    return Some(format!("{other} and {} {what}", entry.id).into());
                }
            }
        }
    }
    None
}

/// The parser of merged rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parser<'e> {
    Tls,
    Named(&'e str),
}

#[derive(Debug, Default)]
struct Merged<'e> {
    authentication: Option<(&'e RuleId, &'e str)>,
    parser: Option<(&'e RuleId, Parser<'e>)>,
    /// A rule with HTTP rules and without `terminatingTLS`.
    open_http: Option<&'e RuleId>,
    terminating: Option<(&'e RuleId, &'e crate::resource::cilium::TlsContext)>,
    originating: Option<(&'e RuleId, &'e crate::resource::cilium::TlsContext)>,
    listener: Option<(&'e RuleId, &'e (String, i64))>,
}

type Clash<'e> = Result<(), (&'e RuleId, &'static str)>;

impl<'e> Merged<'e> {
    fn add(&mut self, entry: &'e Entry, policy: Option<&'e PerSelectorPolicy>) -> Clash<'e> {
        let id = &entry.id;
        if let Some(mode) = entry.authentication.as_deref() {
            same(&mut self.authentication, id, mode, "want different authentication")?;
        }
        let Some(policy) = policy else { return Ok(()) };
        if let Some(parser) = parser(policy) {
            self.parser = Some(match self.parser {
                None => (id, parser),
                Some((other, known)) => {
                    (other, promoted(known, parser).ok_or((other, "need different parsers"))?)
                }
            });
        }
        if !policy.server_names.is_empty()
            && policy.terminating.is_none()
            && let Some(other) = self.open_http
        {
            // The agent accepts the opposite order (docs/semantics/cilium.md#cilium-http-before-server-names).
            return Err((other, "put `serverNames` behind HTTP rules"));
        }
        if matches!(policy.l7, L7::Http(_)) && policy.terminating.is_none() {
            self.open_http.get_or_insert(id);
        }
        if let Some(context) = &policy.terminating {
            same(&mut self.terminating, id, context, "end TLS with different contexts")?;
        }
        if let Some(context) = &policy.originating {
            same(&mut self.originating, id, context, "open TLS with different contexts")?;
        }
        if let Some(listener) = &policy.listener {
            match self.listener {
                Some((other, known)) if known.1 == listener.1 && known.0 != listener.0 => {
                    return Err((other, "name different listeners of the same priority"));
                }
                Some((_, known)) if known.1 <= listener.1 => {}
                _ => self.listener = Some((id, listener)),
            }
        }
        Ok(())
    }
}

fn same<'e, T: PartialEq>(
    kept: &mut Option<(&'e RuleId, T)>,
    id: &'e RuleId,
    new: T,
    what: &'static str,
) -> Clash<'e> {
    match kept {
        Some((other, known)) if *known != new => Err((other, what)),
        Some(_) => Ok(()),
        None => {
            *kept = Some((id, new));
            Ok(())
        }
    }
}

fn parser(policy: &PerSelectorPolicy) -> Option<Parser<'_>> {
    match &policy.l7 {
        L7::Dns(_) => Some(Parser::Named("dns")),
        L7::Http(_) => Some(Parser::Named("http")),
        L7::Other { parser, .. } => Some(Parser::Named(parser)),
        L7::None if policy.listener.is_some() => Some(Parser::Named("listener")),
        L7::None => {
            let tls = !policy.server_names.is_empty()
                || policy.terminating.is_some()
                || policy.originating.is_some();
            tls.then_some(Parser::Tls)
        }
    }
}

/// Returns the parser of merged rules with the parsers `a` and `b`. TLS merges with every parser except that of DNS.
fn promoted<'e>(a: Parser<'e>, b: Parser<'e>) -> Option<Parser<'e>> {
    match (a, b) {
        _ if a == b => Some(a),
        (Parser::Tls, Parser::Named(name)) | (Parser::Named(name), Parser::Tls) if name != "dns" => {
            Some(Parser::Named(name))
        }
        _ => None,
    }
}
