//! The values of a request that a test reads, for explanations.

use super::{context::Context, instruction::Operand, matcher::Matcher, program::Program};
use crate::{
    ir::{AddressAttribute, NameAttribute, Selector, TextAttribute},
    labels::Label,
    matcher::collation::Collation,
    request::{Attributes, ClaimName, Read, Shape},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::ops::ControlFlow;

/// The prefix of the labels that Cilium itself adds.
const INTERNAL: &str = "io.cilium.";

impl Program {
    /// Returns the values of `request` that the test at `at` reads; with `only_matching`, those that its patterns match.
    /// An unreadable attribute has no value.
    pub(crate) fn values<A: Attributes + ?Sized>(
        &self,
        at: u32,
        request: &A,
        only_matching: bool,
    ) -> Vec<String> {
        let Some(instruction) = self.instructions.get(at as usize) else { return Vec::new() };
        let cx = Context::new(request);
        match instruction.operand {
            Operand::Always | Operand::Never => Vec::new(),
            Operand::Methods(_) => texts(&cx, &TextAttribute::Method, |_| true),
            Operand::Text(attribute, op, literal) => {
                let Some(attribute) = self.interned.text_attributes.get(usize::from(attribute)) else {
                    return Vec::new();
                };
                let (case, literal) = (Collation::of(attribute).case, self.interned.texts.bytes(literal));
                texts(&cx, attribute, |value| !only_matching || op.matches(case, value, literal))
            }
            Operand::Matcher(number) => match self.interned.matchers.get(number as usize) {
                Some(matcher) => of_matcher(&cx, matcher, only_matching),
                None => Vec::new(),
            },
        }
    }
}

fn of_matcher<A: Attributes + ?Sized>(
    cx: &Context<'_, A>,
    matcher: &Matcher,
    only_matching: bool,
) -> Vec<String> {
    let request = cx.request;
    match matcher {
        Matcher::Text(attribute, set) => texts(cx, attribute, |value| !only_matching || set.matches(value)),
        Matcher::Regexes(attribute, list) => {
            texts(cx, attribute, |value| !only_matching || list.iter().any(|r| r.is_match(value)))
        }
        Matcher::JoinedHeader(name, _) => {
            let lines = texts(cx, &TextAttribute::Header(name.clone()), |_| true);
            if lines.is_empty() { Vec::new() } else { Vec::from([lines.join(",")]) }
        }
        Matcher::Ports(_) => one(request.destination_port()),
        Matcher::Transports(_) => one(request.transport().map(Some)),
        Matcher::Cidrs(attribute, set) => {
            let mut place = None;
            let addresses = cx.addresses(*attribute, &mut place).unwrap_or_default();
            // Outside the network layers an attribute has one address.
            let is_single = *attribute != AddressAttribute::Peer;
            let shown = addresses.iter().filter(|ip| is_single || !only_matching || set.contains(**ip));
            shown.map(ToString::to_string).collect()
        }
        Matcher::RequestPrincipals(_) => request_principal(request).into_iter().collect(),
        Matcher::Labels(selectors) => {
            let Ok(peer) = request.peer() else { return Vec::new() };
            peer.labels
                .iter()
                .filter(|label| is_relevant(label, selectors, only_matching))
                .map(Label::short)
                .collect()
        }
        Matcher::Names(attribute, set) => match attribute {
            NameAttribute::ServerName => request.server_name().ok().flatten().map(text).into_iter().collect(),
            NameAttribute::DnsQuery => request.dns_query().ok().flatten().map(text).into_iter().collect(),
            NameAttribute::Peer => {
                let mut values = Vec::new();
                let _ = request.peer_names(&mut |name| {
                    if !only_matching || set.matches(name) {
                        values.push(text(name));
                    }
                    ControlFlow::Continue(())
                });
                values
            }
        },
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn one<T: ToString>(value: Read<Option<T>>) -> Vec<String> {
    value.ok().flatten().map(|value| value.to_string()).into_iter().collect()
}

fn texts<A: Attributes + ?Sized>(
    cx: &Context<'_, A>,
    attribute: &TextAttribute,
    is_shown: impl Fn(&[u8]) -> bool,
) -> Vec<String> {
    let mut values = Vec::new();
    let _ = cx.texts(attribute, &mut |value| {
        if is_shown(value) {
            values.push(text(value));
        }
        ControlFlow::Continue(())
    });
    values
}

/// Returns issuer and subject as `ISSUER/SUBJECT`.
fn request_principal<A: Attributes + ?Sized>(request: &A) -> Option<String> {
    let mut values = Vec::new();
    for name in ["iss", "sub"] {
        let mut value = String::new();
        let _ = request.claim(&[ClaimName::Borrowed(name)], Shape::Text, &mut |v| {
            value = text(v);
            ControlFlow::Break(())
        });
        values.push(value);
    }
    if values.iter().all(String::is_empty) { None } else { Some(values.join("/")) }
}

/// Returns whether a reader needs `label` to understand the result of `selectors`: labels that Cilium adds, and for a match all
/// labels, only if a selector names the key.
fn is_relevant(label: &Label, selectors: &[Selector], only_matching: bool) -> bool {
    let is_named = || selectors.iter().flat_map(|s| &s.requirements).any(|r| *r.key == *label.key);
    if only_matching || label.key.starts_with(INTERNAL) {
        return is_named() && !label.is_default_cluster();
    }
    true
}
