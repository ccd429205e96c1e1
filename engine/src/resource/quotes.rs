//! Rejects values in curly quotes. They come from text that was copied from a web page, are part of the value, and match
//! nothing.

use crate::diagnostic::Diagnostic;
use alloc::{
    format,
    string::{String, ToString},
};
use serde_json::{Map, Value};

const CURLY: [char; 8] =
    ['\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}', '\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}'];

/// Returns the text without curly quotes, if it starts or ends with one.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    let inner = text.trim_matches(CURLY);
    (inner.len() < text.len()).then_some(inner)
}

/// Returns the first value or key in `fields` that is in curly quotes. A `description` may contain them.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Diagnostic> {
    ["spec", "specs"].iter().try_for_each(|name| match fields.get(*name) {
        Some(value) => value_at(value, name.to_string()),
        None => Ok(()),
    })
}

/// Returns the finding about `text` at `path`.
pub(super) fn finding(text: &str, inner: &str, path: String) -> Diagnostic {
    Diagnostic::error("curly-quotes", format!("`{text}` is in curly quotes, which become part of the value"))
        .at(path)
        .help(format!("use straight quotes: \"{inner}\""))
}

fn value_at(value: &Value, path: String) -> Result<(), Diagnostic> {
    match value {
        Value::String(text) => match unquoted(text) {
            Some(inner) => Err(finding(text, inner, path)),
            None => Ok(()),
        },
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(n, item)| value_at(item, format!("{path}[{n}]")))
        }
        Value::Object(fields) => fields.iter().filter(|(key, _)| *key != "description").try_for_each(
            |(key, value)| match unquoted(key) {
                Some(inner) => Err(finding(key, inner, format!("{path}.{key}"))),
                None => value_at(value, format!("{path}.{key}")),
            },
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(spec: Value) -> Option<String> {
        let fields = json!({ "spec": spec });
        check(fields.as_object().unwrap()).err().map(|finding| finding.path)
    }

    #[test]
    fn value_or_key_in_curly_quotes_is_found() {
        let methods =
            |method: &str| json!({"rules": [{"to": [{"operation": {"methods": ["GET", method]}}]}]});
        for method in ["“GET”", "‘GET’", "„GET“", "GET”", "“", "‘GET"] {
            let at = path(methods(method));
            assert_eq!(at.as_deref(), Some("spec.rules[0].to[0].operation.methods[1]"), "{method}");
        }
        assert_eq!(path(methods("it’s")), None);
        assert_eq!(path(json!({"selector": {"“app”": "x"}})).as_deref(), Some("spec.selector.“app”"));
        assert_eq!(path(json!({"description": "“quoted”"})), None);
    }
}
