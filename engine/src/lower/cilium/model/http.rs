//! HTTP rules, as the agent sends them to Envoy (docs/semantics/cilium.md#cilium-http-rules).

use super::{
    fault::{Faults, L7Fault},
    scope::Scope,
    secret,
};
use crate::{
    ir::{Field, HeaderName, HeaderPattern, Predicate, Test, Text, TextAttribute},
    matcher::regex::{self, Flavour},
    resource::cilium::{HeaderMatch, HttpRule},
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Display;
use regex_syntax::hir::{Hir, HirKind};

/// Returns the tests of each rule of `list` at `path`. A rule without tests allows every request. `error` receives the
/// reason why Envoy rejects an expression that the agent accepts.
pub(super) fn rules(
    list: &[HttpRule],
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
    error: &mut Option<Box<str>>,
) -> Vec<Vec<Test>> {
    let mut rules = Vec::new();
    for (i, rule) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let mut tests = Vec::new();
        for (field, text, attribute, checked) in [
            ("toPorts[#].rules.http[#].method", &rule.method, TextAttribute::Method, true),
            ("toPorts[#].rules.http[#].path", &rule.path, TextAttribute::PathAndQuery, true),
            ("toPorts[#].rules.http[#].host", &rule.host, TextAttribute::Authority, false),
        ] {
            let Some(text) = text.as_deref().filter(|t| !t.is_empty()) else { continue };
            let field = Field::new(field).index(i);
            let at = format!("{at}.{}", field.name());
            if checked && let Err(wrong) = regex::parse(text, Flavour::Go) {
                faults.add(at, L7Fault::InvalidRegex(text.into(), format!("{wrong}").into()));
                continue;
            }
            tests.push(expression(attribute, text, &at, error).at(field).written([text]));
        }
        for (n, text) in rule.headers.iter().flatten().enumerate() {
            let field = Field::new("toPorts[#].rules.http[#].headers[#]").index(i).index(n);
            tests.push(header(text).at(field).written([text.as_str()]));
        }
        for (n, item) in rule.header_matches.iter().flatten().enumerate() {
            let field = Field::new("toPorts[#].rules.http[#].headerMatches[#]").index(i).index(n);
            let test = header_match(item, scope).map(|test| test.at(field));
            // The value of a Secret must not be in an explanation.
            let is_secret = item.secret.is_some();
            tests.extend(
                test.map(|test| if is_secret { test.written(["(value of a Secret)"]) } else { test }),
            );
        }
        rules.push(tests);
    }
    rules
}

/// Returns the test of an expression over the whole value. A literal is compared as an exact text.
fn expression(attribute: TextAttribute, text: &str, path: &str, error: &mut Option<Box<str>>) -> Test {
    let regex = regex::parse(text, Flavour::Re2);
    if let Some(why) = rejected_by_envoy(&regex) {
        error.get_or_insert_with(|| format!("{path}: the proxy refuses `{text}`: {why}").into());
    }
    let literal = match regex.as_ref().map(Hir::kind) {
        Ok(HirKind::Literal(literal)) => core::str::from_utf8(&literal.0).ok(),
        _ => None,
    };
    match literal {
        Some(literal) => Test::text(attribute, [Text::Exact(literal.into())]),
        None => Test::new(Predicate::Regex(attribute, [text.into()].into())),
    }
}

/// Returns the reason why Envoy rejects an expression that the agent accepts, if it does. Envoy then rejects the whole
/// policy of the endpoint.
pub(crate) fn envoy_rejection(text: &str) -> Option<String> {
    rejected_by_envoy(&regex::parse(text, Flavour::Re2))
}

fn rejected_by_envoy<E: Display>(regex: &Result<Hir, E>) -> Option<String> {
    let size = match regex {
        Err(wrong) => return Some(wrong.to_string()),
        Ok(hir) => regex::program_size(hir),
    };
    (size > regex::MAX_PROGRAM)
        .then(|| format!("its program is of size {size}, more than {}", regex::MAX_PROGRAM))
}

/// Whether the agent accepts the expression `text`.
pub(crate) fn is_accepted_by_agent(text: &str) -> bool {
    regex::parse(text, Flavour::Go).is_ok()
}

/// Returns the test of an item of `headers`: a name, a space and a value, or a name alone
/// (docs/semantics/cilium.md#cilium-http-headers).
fn header(text: &str) -> Test {
    match text.split_once(' ') {
        Some((name, value)) => is(name.trim_end_matches(':'), Some(value)),
        None => is(text, None),
    }
}

/// Returns a test for the joined lines of a header, which must be `value` or, without one, be present.
fn is(name: &str, value: Option<&str>) -> Test {
    let text =
        |attribute| Test::text(attribute, [value.map_or(Text::Present, |value| Text::Exact(value.into()))]);
    match &*name.to_ascii_lowercase() {
        ":method" => text(TextAttribute::Method),
        ":path" => text(TextAttribute::PathAndQuery),
        ":authority" | "host" => text(TextAttribute::Authority),
        _ => {
            let pattern = value.map_or(HeaderPattern::Present, |value| HeaderPattern::Exact(value.into()));
            Test::new(Predicate::JoinedHeader(HeaderName::from(name), [pattern].into()))
        }
    }
}

/// Returns the test of an item of `headerMatches`; `None` for an item with an action for a mismatch.
fn header_match(item: &HeaderMatch, scope: &Scope<'_>) -> Option<Test> {
    let name = item.name.as_deref().unwrap_or_default();
    let action = item.mismatch.as_deref().filter(|m| !m.is_empty());
    let written = item.value.as_deref().filter(|v| !v.is_empty());
    let mut kept = None;
    if let Some(reference) = &item.secret {
        kept = secret::value(reference, scope);
        if kept.is_none() && written.is_none() {
            return Some(Test::new(Predicate::JoinedHeader(HeaderName::from(name), [].into())));
        }
    }
    if action.is_some() {
        return None;
    }
    let kept = kept.filter(|v| !v.is_empty());
    Some(is(name, kept.as_deref().or(written)))
}
