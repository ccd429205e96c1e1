//! The rules of a decision as their files contain them.

use super::{
    source::{excerpt, file_name},
    text::Text,
};
use crate::report::{RuleSource, RuleSources};
use annotate_snippets::{Group, Level, Origin, Renderer};
use palisade_manifests::SourceMap;

/// Returns the deciding rule and the nearest miss, each with its file and line. Rules without a text are left out.
pub(crate) fn text(rules: &RuleSources, sources: &SourceMap) -> Text {
    let mut text = Text::default();
    for (rule, is_miss) in [(&rules.decided_by, false), (&rules.nearest_miss, true)] {
        if let Some(rendered) = rule.as_ref().and_then(|rule| one(rule, is_miss, sources)) {
            text.line(&[]);
            text.append(Text::rendered(&format!("{rendered}\n")));
        }
    }
    text
}

/// Returns the meaning of the underlined value.
fn label(is_miss: bool, is_negated: bool) -> &'static str {
    match (is_miss, is_negated) {
        (false, false) => "matched",
        (false, true) => "no value matched",
        (true, false) => "required",
        (true, true) => "excluded",
    }
}

fn one(rule: &RuleSource, is_miss: bool, sources: &SourceMap) -> Option<String> {
    let title = if is_miss { "the nearest miss" } else { "the deciding rule" };
    let name = rule.location.origin.file.as_deref()?;
    let file = sources.file(name)?;
    // The field that decides: the first that matched, or that did not match.
    let test = rule.tests.first();
    let span = test.map_or(rule.field, |test| test.field).value;
    let label = test.map(|test| label(is_miss, test.negated).to_owned());
    let group = Group::with_title(Level::NOTE.primary_title(title.to_owned()));
    let group = match excerpt(file_name(name), file.text(), span.line, span.bytes(), label) {
        Some(snippet) => group.element(snippet),
        None => {
            let at = Origin::path(file_name(name)).line(usize::try_from(span.line).unwrap_or(0));
            group.element(at.char_column(usize::try_from(span.column).unwrap_or(1)))
        }
    };
    Some(Renderer::styled().render(&[group]))
}
