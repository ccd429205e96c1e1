//! `when` (docs/semantics/istio.md#istio-condition-keys).

use super::{
    RuleContext,
    field::{Dropped, Invalid, cidr_pattern, list, port_pattern},
    identity,
    source::{request_principal, texts},
    string::text,
};
use crate::{
    ir::{Attribute, Clause, Group, Pattern, Section, Test, Text},
    request::{ClaimName, Shape},
    resource::istio::{Action, Condition},
};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};

impl RuleContext<'_> {
    /// The groups of condition number `index`; all of them must hold.
    pub(super) fn condition(&self, index: u32, condition: &Condition) -> Result<Vec<Group>, Dropped> {
        let (values, not_values) = (list(&condition.values), list(&condition.not_values));
        let key = condition.key.as_str();
        if let Some(name) = key.strip_prefix(METADATA) {
            return self.metadata(index, name, values, not_values);
        }
        let mut tests = Vec::new();
        let t = &mut tests;
        let sp = |v: &str| Ok(texts([text(v, Text::NonEmpty)]));
        if let Some(name) = key.strip_prefix(HEADERS) {
            let (attribute, valid) = match in_brackets(name) {
                Some(name) => (header(name), true),
                None => (header("?"), false),
            };
            self.field(t, &attribute, values, not_values, |v| {
                if valid { Ok(texts([text(v, Text::Present)])) } else { Err(Invalid) }
            })?;
        } else if let Some(name) = key.strip_prefix(CLAIMS) {
            let path = claim_path(name);
            let valid = path.is_some();
            let attribute = Attribute::Claim(path.unwrap_or_default());
            self.field(t, &attribute, values, not_values, |v| if valid { sp(v) } else { Err(Invalid) })?;
        } else {
            match key {
                "source.ip" => self.field(t, &Attribute::SourceIp, values, not_values, cidr_pattern)?,
                "remote.ip" => self.field(t, &Attribute::RemoteIp, values, not_values, cidr_pattern)?,
                "destination.ip" => {
                    self.field(t, &Attribute::DestinationIp, values, not_values, cidr_pattern)?
                }
                "destination.port" => {
                    self.field(t, &Attribute::DestinationPort, values, not_values, port_pattern)?;
                }
                "source.namespace" => self.field(t, &Attribute::Identity, values, not_values, |v| {
                    Ok(texts([identity::namespace(v)]))
                })?,
                "source.principal" => {
                    self.field(t, &Attribute::Identity, values, not_values, |v| Ok(self.principal(v)))?;
                }
                "source.serviceAccount" => {
                    self.field(t, &Attribute::Identity, values, not_values, |v| Ok(self.service_account(v)))?;
                }
                "source.trustDomain" => {
                    self.field(t, &Attribute::Identity, values, not_values, |v| Ok(self.trust_domain(v)))?;
                }
                "request.auth.principal" => {
                    self.field(t, &Attribute::RequestPrincipal, values, not_values, |v| {
                        Ok(vec![request_principal(v)])
                    })?;
                }
                "request.auth.audiences" => self.field(t, &claim("aud"), values, not_values, sp)?,
                "request.auth.presenter" => self.field(t, &claim("azp"), values, not_values, sp)?,
                "connection.sni" => self.field(t, &Attribute::ServerName, values, not_values, sp)?,
                // An unknown key drops the rule whatever its action.
                _ => return Err(Dropped),
            }
        }
        Ok(if tests.is_empty() { Vec::new() } else { vec![group(index, vec![tests])] })
    }

    /// `experimental.envoy.filters.NAME[KEY]`: `[v]` asks for an element of a list, other values for a string.
    fn metadata(
        &self,
        index: u32,
        name: &str,
        values: &[String],
        not_values: &[String],
    ) -> Result<Vec<Group>, Dropped> {
        let parts = name.split_once('[').and_then(|(f, key)| Some((f, key.strip_suffix(']')?)));
        let Some((filter, key)) = parts.filter(|(f, key)| !f.is_empty() && !key.is_empty()) else {
            return if self.action == Action::Allow { Err(Dropped) } else { Ok(Vec::new()) };
        };
        let test = |value: &String, negated: bool| {
            // istiod cuts every bracket at either end, not one.
            let (shape, value) = match value.starts_with('[') && value.ends_with(']') {
                true => (Shape::List, value.trim_matches(['[', ']'])),
                false => (Shape::Text, value.as_str()),
            };
            let filter = format!("envoy.filters.{filter}").into();
            let attribute = Attribute::Metadata { filter, key: key.into(), shape };
            let patterns = Box::new([Pattern::Text(text(value, Text::NonEmpty))]);
            Test { attribute, negated, patterns }
        };
        let mut groups = Vec::new();
        if !values.is_empty() {
            groups.push(group(index, values.iter().map(|v| vec![test(v, false)]).collect()));
        }
        if !not_values.is_empty() {
            groups.push(group(index, vec![not_values.iter().map(|v| test(v, true)).collect()]));
        }
        Ok(groups)
    }
}

pub(crate) const HEADERS: &str = "request.headers";
pub(crate) const CLAIMS: &str = "request.auth.claims";
pub(crate) const METADATA: &str = "experimental.envoy.filters.";

fn group(index: u32, clauses: Vec<Vec<Test>>) -> Group {
    let clauses = clauses.into_iter().map(|tests| Clause { tests, index }).collect();
    Group { section: Section::When, clauses }
}

fn claim(name: &'static str) -> Attribute {
    Attribute::Claim([ClaimName::Borrowed(name)].into())
}

/// The attribute that a header's name stands for (docs/semantics/istio.md#istio-header-names).
fn header(name: &str) -> Attribute {
    match name.to_ascii_lowercase().as_str() {
        ":path" => Attribute::PathAndQuery,
        ":method" => Attribute::Method,
        ":authority" | "host" => Attribute::Authority,
        _ => Attribute::Header(name.into()),
    }
}

/// The text between a leading `[` and a final `]`.
fn in_brackets(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// `[a][b]` as the path a, b. Bad nesting reads as one name.
fn claim_path(text: &str) -> Option<Box<[ClaimName]>> {
    let inner = in_brackets(text)?;
    let parts: Vec<&str> = inner.split("][").collect();
    if parts.iter().any(|part| part.contains(['[', ']'])) {
        return Some([ClaimName::Owned(inner.to_owned())].into());
    }
    Some(parts.into_iter().map(|part| ClaimName::Owned(part.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_nest_and_bad_nesting_is_one_name() {
        let path = |text: &str| claim_path(text).map(|p| p.join("|"));
        assert_eq!(path("[a]").as_deref(), Some("a"));
        assert_eq!(path("[a][b]").as_deref(), Some("a|b"));
        assert_eq!(path("[a.b]").as_deref(), Some("a.b"));
        assert_eq!(path("[a]b]").as_deref(), Some("a]b"));
        assert_eq!(path("a"), None);
    }

    #[test]
    fn brackets_at_both_ends_ask_for_an_element_of_a_list() {
        let mesh = crate::resource::istio::MeshConfig::default();
        let cx = RuleContext {
            mesh: &mesh,
            namespace: "foo",
            action: Action::Allow,
            chain: crate::lower::istio::Chain::Http,
        };
        for (value, shape, text) in [
            ("a", Shape::Text, "a"),
            ("[a]", Shape::List, "a"),
            ("[[a]]", Shape::List, "a"),
            ("[a", Shape::Text, "[a"),
            ("a]", Shape::Text, "a]"),
        ] {
            let groups = cx.metadata(0, "m[k]", &[value.to_owned()], &[]).unwrap();
            let test = Test {
                attribute: Attribute::Metadata { filter: "envoy.filters.m".into(), key: "k".into(), shape },
                negated: false,
                patterns: Box::new([Pattern::Text(Text::Exact(text.into()))]),
            };
            assert_eq!(groups, [group(0, vec![vec![test]])], "{value}");
        }
    }

    #[test]
    fn host_is_an_alias_of_the_authority() {
        assert_eq!(header("Host"), Attribute::Authority);
        assert_eq!(header("X-Token"), Attribute::Header("x-token".into()));
    }
}
