//! HTTP rules, as the agent hands them to Envoy (docs/semantics/cilium.md#cilium-http-rules).

use super::{Findings, peer::Scope, secret};
use crate::{
    ir::{HeaderName, HeaderPattern, Predicate, Test, Text, TextAttribute},
    matcher::regex::{self, Flavour},
    resource::cilium::{HeaderMatch, HttpRule},
};
use alloc::{boxed::Box, format, vec::Vec};
use regex_syntax::hir::HirKind;
use serde_json::Value;

/// The tests of each rule; a rule without tests lets every request through. `error` gets what the proxy refuses
/// though the agent takes it, which costs the endpoint its whole policy.
pub(super) fn rules(
    list: &[HttpRule],
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
    error: &mut Option<Box<str>>,
) -> Vec<Vec<Test>> {
    let mut rules = Vec::new();
    for (i, rule) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let mut tests = Vec::new();
        for (field, text, attribute, checked) in [
            ("method", &rule.method, TextAttribute::Method, true),
            ("path", &rule.path, TextAttribute::PathAndQuery, true),
            ("host", &rule.host, TextAttribute::Authority, false),
        ] {
            let Some(text) = text.as_deref().filter(|t| !t.is_empty()) else { continue };
            let at = format!("{at}.{field}");
            if checked && let Err(wrong) = regex::parse(text, Flavour::Go) {
                let help = "it is a regular expression of RE2, over the whole value";
                findings.error("bad-regex", &at, format!("`{text}`: {wrong}"), help);
                continue;
            }
            tests.push(expression(attribute, text, &at, findings, error));
        }
        for (n, text) in rule.headers.iter().flatten().enumerate() {
            tests.push(header(text, &format!("{at}.headers[{n}]"), findings));
        }
        for (n, item) in rule.header_matches.iter().flatten().enumerate() {
            tests.extend(header_match(item, &format!("{at}.headerMatches[{n}]"), scope, findings));
        }
        rules.push(tests);
    }
    rules
}

/// An expression over the whole value; a literal is compared as one.
fn expression(
    attribute: TextAttribute,
    text: &str,
    path: &str,
    findings: &mut Findings,
    error: &mut Option<Box<str>>,
) -> Test {
    let mut refuse = |why: alloc::string::String| {
        let help = "Envoy then refuses the whole policy of every endpoint it selects: write it differently";
        findings.warn("proxy-refuses", path, format!("the proxy refuses `{text}`: {why}"), help);
        error.get_or_insert_with(|| format!("{path}: the proxy refuses `{text}`: {why}").into());
    };
    let literal = match regex::parse(text, Flavour::Re2) {
        Err(wrong) => {
            refuse(format!("{wrong}"));
            None
        }
        Ok(hir) => {
            let size = regex::program_size(&hir);
            if size > regex::MAX_PROGRAM {
                refuse(format!("its program is of size {size}, more than {}", regex::MAX_PROGRAM));
            }
            match hir.kind() {
                HirKind::Literal(literal) => core::str::from_utf8(&literal.0).ok().map(Into::into),
                _ => None,
            }
        }
    };
    match literal {
        Some(literal) => Test::text(attribute, [Text::Exact(literal)]),
        None => Test::new(Predicate::Regex(attribute, [text.into()].into())),
    }
}

/// An item of `headers`: a name and a value with a space between them, or all of it a name
/// (docs/semantics/cilium.md#cilium-http-headers).
fn header(text: &str, path: &str, findings: &mut Findings) -> Test {
    match text.split_once(' ') {
        Some((name, value)) => is(name.trim_end_matches(':'), Some(value)),
        None => {
            if text.contains(':') {
                let message =
                    format!("without a space all of `{text}` is a header's name, which no request has");
                findings.warn(
                    "header-without-space",
                    path,
                    message,
                    "write `Name: value`, or the name alone",
                );
            }
            is(text, None)
        }
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

/// An item of `headerMatches`; no test where a mismatch is only acted upon.
fn header_match(item: &HeaderMatch, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Option<Test> {
    let name = item.name.as_deref().unwrap_or_default();
    let action = item.mismatch.as_deref().filter(|m| !m.is_empty());
    let written = item.value.as_deref().filter(|v| !v.is_empty());
    let mut kept = None;
    if let Some(reference) = &item.secret {
        kept = secret::value(reference, scope);
        if kept.is_none() && written.is_none() {
            let help = "give the Secret with exactly one key, or a `value` beside it";
            let message = "there is no such Secret with one key, so the rule never matches";
            findings.warn("missing-secret", &format!("{path}.secret"), message, help);
            return Some(Test::new(Predicate::JoinedHeader(HeaderName::from(name), [].into())));
        }
    }
    if action.is_some() {
        return None;
    }
    let kept = kept.filter(|v| !v.is_empty());
    Some(is(name, kept.as_deref().or(written)))
}

/// Kafka's rules, which only Cilium up to 1.19 has.
pub(super) fn check_kafka(list: &[Value], path: &str, findings: &mut Findings) {
    for (i, rule) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let text = |field: &str| rule.get(field).and_then(Value::as_str).filter(|t| !t.is_empty());
        if text("role").is_some() && text("apiKey").is_some() {
            findings.error("bad-kafka", &at, "`role` stands beside `apiKey`", "remove one of the two");
        }
        if text("role").is_some_and(|r| !matches!(&*r.to_ascii_lowercase(), "produce" | "consume")) {
            findings.error("bad-kafka", &at, "no such role", "use `produce` or `consume`");
        }
        let legal = |t: &str| {
            t.len() <= 255 && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if text("topic").is_some_and(|t| !legal(t)) {
            let help = "a topic has at most 255 letters, digits, `.`, `_` and `-`";
            findings.error("bad-kafka", &at, "invalid topic", help);
        }
    }
}
