//! What of several rules the agent cannot merge, so that the endpoint's policy cannot be computed
//! (docs/semantics/cilium.md#cilium-conflicts).

use super::{
    l7::{Inspection, L7},
    peer::Ends,
    policy::{Entry, Level},
    port::{Port, PortGroup, Ports},
};
use crate::{ir::Effect, ir::Test, rule_id::RuleId};
use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec, vec::Vec};

/// What is merged: the same level, ports and selector. No ports means all of every protocol.
type Place = (Level, Option<Port>, Vec<Test>);

/// Each selector of `ends` by itself.
pub(super) fn selectors(ends: &Ends) -> Vec<Vec<Test>> {
    let Ends::Only(clauses) = ends else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for clause in clauses {
        match &*clause.tests {
            [test] if !test.negated => all.extend(test.split().into_iter().map(|test| vec![test])),
            tests => all.push(tests.to_vec()),
        }
    }
    all
}

/// Why the agent cannot merge `entries`, if it cannot.
pub(super) fn conflict(entries: &[&Entry]) -> Option<Box<str>> {
    let mut sorted: Vec<&Entry> = entries.iter().copied().filter(|e| e.effect == Effect::Allow).collect();
    // The order in which the agent merges: by the names of the policies.
    sorted.sort_by_key(|e| order(&e.id));
    let mut places: BTreeMap<Place, Merged<'_>> = BTreeMap::new();
    for entry in sorted {
        let groups: Vec<(Option<&Port>, Option<&PortGroup>)> = match &entry.ports {
            Ports::Any => vec![(None, None)],
            Ports::Listed(groups) => {
                groups.iter().flat_map(|g| g.ports.iter().map(move |p| (Some(p), Some(g)))).collect()
            }
        };
        for (port, group) in groups {
            if let Some(error) = group.and_then(|g| g.seen.error.as_ref()) {
                return Some(format!("{}: {error}", entry.id).into());
            }
            let seen = group.map(|g| &g.seen).filter(|seen| **seen != Inspection::default());
            if seen.is_none() && entry.authentication.is_none() {
                continue;
            }
            for selector in selectors(&entry.ends) {
                let merged = places.entry((entry.level, port.cloned(), selector)).or_default();
                if let Err((other, what)) = merged.add(entry, seen) {
                    return Some(format!("{other} and {} {what}", entry.id).into());
                }
            }
        }
    }
    None
}

/// The order in which the agent merges rules of one level.
pub(super) fn order(id: &RuleId) -> (&'static str, &str, &str, &'static str, u32) {
    (id.policy.kind, &id.policy.namespace, &id.policy.name, id.section, id.rule)
}

/// Kinds of parsers, as they are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parser<'e> {
    Tls,
    Named(&'e str),
}

#[derive(Debug, Default)]
struct Merged<'e> {
    authentication: Option<(&'e RuleId, &'e str)>,
    parser: Option<(&'e RuleId, Parser<'e>)>,
    /// HTTP rules that no terminated TLS stands in front of.
    open_http: Option<&'e RuleId>,
    terminating: Option<(&'e RuleId, &'e crate::resource::cilium::TlsContext)>,
    originating: Option<(&'e RuleId, &'e crate::resource::cilium::TlsContext)>,
    listener: Option<(&'e RuleId, &'e (String, i64))>,
}

type Clash<'e> = Result<(), (&'e RuleId, &'static str)>;

impl<'e> Merged<'e> {
    fn add(&mut self, entry: &'e Entry, seen: Option<&'e Inspection>) -> Clash<'e> {
        let id = &entry.id;
        if let Some(mode) = entry.authentication.as_deref() {
            same(&mut self.authentication, id, mode, "want different authentication")?;
        }
        let Some(seen) = seen else { return Ok(()) };
        if let Some(parser) = parser(seen) {
            self.parser = Some(match self.parser {
                None => (id, parser),
                Some((other, known)) => {
                    (other, promoted(known, parser).ok_or((other, "need different parsers"))?)
                }
            });
        }
        if !seen.server_names.is_empty()
            && seen.terminating.is_none()
            && let Some(other) = self.open_http
        {
            // The other way round it is accepted (docs/semantics/cilium.md#cilium-http-before-server-names).
            return Err((other, "put `serverNames` behind HTTP rules"));
        }
        if matches!(seen.l7, L7::Http(_)) && seen.terminating.is_none() {
            self.open_http.get_or_insert(id);
        }
        if let Some(context) = &seen.terminating {
            same(&mut self.terminating, id, context, "end TLS with different contexts")?;
        }
        if let Some(context) = &seen.originating {
            same(&mut self.originating, id, context, "open TLS with different contexts")?;
        }
        if let Some(listener) = &seen.listener {
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

fn parser(seen: &Inspection) -> Option<Parser<'_>> {
    match &seen.l7 {
        L7::Dns(_) => Some(Parser::Named("dns")),
        L7::Http(_) => Some(Parser::Named("http")),
        L7::Other { parser, .. } => Some(Parser::Named(parser)),
        L7::None if seen.listener.is_some() => Some(Parser::Named("listener")),
        L7::None => {
            let tls =
                !seen.server_names.is_empty() || seen.terminating.is_some() || seen.originating.is_some();
            tls.then_some(Parser::Tls)
        }
    }
}

/// TLS becomes any parser but that of DNS.
fn promoted<'e>(a: Parser<'e>, b: Parser<'e>) -> Option<Parser<'e>> {
    match (a, b) {
        _ if a == b => Some(a),
        (Parser::Tls, Parser::Named(name)) | (Parser::Named(name), Parser::Tls) if name != "dns" => {
            Some(Parser::Named(name))
        }
        _ => None,
    }
}
