//! String patterns as Envoy's `StringMatcher`.

use crate::ir::{GapClass, Glob, Text};
use alloc::{format, string::String};
use serde_json::{Value, json};

/// Returns `text` as a `StringMatcher`.
pub(super) fn matcher(text: &Text) -> Value {
    match text {
        Text::Exact(text) => json!({"exact": text}),
        Text::Prefix(text) => json!({"prefix": text}),
        Text::Suffix(text) => json!({"suffix": text}),
        Text::NonEmpty => regex(".+"),
        Text::Present => regex(".*"),
        Text::Glob(pattern) => regex(&glob(pattern)),
        Text::ServiceAccount { namespace, account } => {
            regex(&format!("spiffe://.+/ns/{}/(.+/|)sa/{}(/.+)?", quote(namespace), quote(account)))
        }
    }
}

/// Returns the path template of `pattern` in Envoy's notation, or `None` for another wildcard.
pub(super) fn path_template(pattern: &Glob) -> Option<String> {
    let mut template = String::from(&*pattern.head);
    for piece in &pattern.pieces {
        template.push_str(match piece.gap.class {
            GapClass::TemplateSegment => "*",
            GapClass::TemplatePath => "**",
            GapClass::Any | GapClass::NotSlash => return None,
        });
        template.push_str(&piece.literal);
    }
    Some(template)
}

fn regex(expression: &str) -> Value {
    json!({"safeRegex": {"regex": expression}})
}

fn glob(pattern: &Glob) -> String {
    let mut expression = quote(&pattern.head);
    for piece in &pattern.pieces {
        expression.push_str(match piece.gap.class {
            GapClass::Any => ".",
            GapClass::NotSlash => "[^/]",
            GapClass::TemplateSegment => "[a-zA-Z0-9-._~%!$&'()+,;:@=*]",
            GapClass::TemplatePath => "[a-zA-Z0-9-._~%!$&'()+,;:@=*/]",
        });
        expression.push(if piece.gap.min == 0 { '*' } else { '+' });
        expression.push_str(&quote(&piece.literal));
    }
    expression
}

/// Returns a regular expression that matches only `text`.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Gap;

    #[test]
    fn literal_with_special_characters_is_quoted() {
        let gap = Gap { min: 0, class: GapClass::Any };
        let pattern = Text::Glob(Glob::new("", [(gap, "/ns/a.b[0]/".into()), (gap, "".into())]));
        assert_eq!(matcher(&pattern), json!({"safeRegex": {"regex": r".*/ns/a\.b\[0\]/.*"}}));
    }

    #[test]
    fn pattern_of_template_becomes_template() {
        let segment = Gap { min: 1, class: GapClass::TemplateSegment };
        let rest = Gap { min: 0, class: GapClass::TemplatePath };
        let pattern = Glob::new("/a/", [(segment, "/b/".into()), (rest, "/c".into())]);
        assert_eq!(path_template(&pattern).as_deref(), Some("/a/*/b/**/c"));
    }
}
