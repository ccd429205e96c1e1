//! Lowers the conditions in `when` (docs/semantics/istio.md#istio-condition-keys).

use super::{RuleContext, field::list, property::Property, string::text, value::Dropped};
use crate::{
    ir::{Clause, Field, Group, Section, Test, Text, TextAttribute},
    request::Shape,
    resource::istio::{Action, Condition},
};
use alloc::{format, string::String, vec, vec::Vec};

const VALUES: Field = Field::new("when[#].values");
const NOT_VALUES: Field = Field::new("when[#].notValues");

impl RuleContext<'_> {
    /// Returns the groups of condition number `index`. All of them must match.
    pub(super) fn condition(&self, index: u32, condition: &Condition) -> Result<Vec<Group>, Dropped> {
        let (values, not_values) = (list(&condition.values), list(&condition.not_values));
        if let Some(name) = condition.key.strip_prefix(METADATA) {
            return self.metadata(index, name, values, not_values);
        }
        // An unknown key drops the rule, for any action.
        let property = Property::of_key(&condition.key).ok_or(Dropped)?;
        let mut tests = Vec::new();
        tests.extend(self.test(&property, values, false, VALUES.index(index))?);
        tests.extend(self.test(&property, not_values, true, NOT_VALUES.index(index))?);
        Ok(if tests.is_empty() { Vec::new() } else { vec![group(index, vec![tests])] })
    }

    /// Returns the groups for `experimental.envoy.filters.NAME[KEY]`. A value `[v]` is an element of a list, other values are
    /// strings.
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
        let test = |written: &String, negated: bool| {
            // istiod removes all brackets at both ends, not only one.
            let (shape, value) = match written.starts_with('[') && written.ends_with(']') {
                true => (Shape::List, written.trim_matches(['[', ']'])),
                false => (Shape::Text, written.as_str()),
            };
            let filter = format!("envoy.filters.{filter}").into();
            let attribute = TextAttribute::Metadata { filter, key: key.into(), shape };
            let test = Test::text(attribute, [text(value, Text::NonEmpty)]).written([written.as_str()]);
            if negated { test.at(NOT_VALUES.index(index)).negate() } else { test.at(VALUES.index(index)) }
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

pub(crate) const METADATA: &str = "experimental.envoy.filters.";

fn group(index: u32, clauses: Vec<Vec<Test>>) -> Group {
    let clauses = clauses.into_iter().map(|tests| Clause { tests, index }).collect();
    Group { section: Section::When, clauses }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    #[test]
    fn value_in_brackets_is_an_element_of_a_list() {
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
            let attribute =
                TextAttribute::Metadata { filter: "envoy.filters.m".into(), key: "k".into(), shape };
            let test = Test::text(attribute, [Text::Exact(text.into())]);
            assert_eq!(groups, [group(0, vec![vec![test]])], "{value}");
        }
    }
}
