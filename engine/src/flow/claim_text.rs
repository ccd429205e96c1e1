//! A claim as the text of a header, as Envoy's `jwt_authn` writes it for `outputClaimToHeaders`.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value};

/// 2 to the power of 64: numbers from here on are not written as integers.
const UNSIGNED_END: f64 = 18_446_744_073_709_551_616.0;

/// Returns the claim `name` as text, or `None` if Envoy adds no header. A dot in `name` is a step into an object.
pub(super) fn claim_text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<Cow<'c, str>> {
    let mut steps = name.split('.');
    let first = claims.get(steps.next()?)?;
    let claim = steps.try_fold(first, |value, step| value.as_object()?.get(step))?;
    let text = match claim {
        Value::Null => return None,
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Bool(value) => value.to_string().into(),
        Value::Number(number) => number_text(number.as_f64()?).into(),
        Value::Array(_) | Value::Object(_) => {
            let mut json = String::new();
            write_json(claim, &mut json);
            BASE64.encode(json).into()
        }
    };
    (!text.is_empty()).then_some(text)
}

/// Returns an integer from 0 on as such, and any other number with six decimals.
fn number_text(number: f64) -> String {
    let integer = number as u64;
    if (0.0..UNSIGNED_END).contains(&number) && integer as f64 == number {
        integer.to_string()
    } else {
        format!("{number:.6}")
    }
}

/// Writes `value` as protobuf's JSON printer does. The order of an object's members is not defined there.
fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&json_number(number.as_f64().unwrap_or_default())),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            let mut separator = '[';
            for item in items {
                out.push(separator);
                write_json(item, out);
                separator = ',';
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(members) => {
            let mut separator = '{';
            for (name, member) in members {
                out.push(separator);
                write_string(name, out);
                out.push(':');
                write_json(member, out);
                separator = ',';
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
}

/// Writes `text` as a JSON string. Protobuf also escapes angle brackets and invisible characters.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<'
            | '>'
            | '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Returns `number` as `%.15g` of C, or as `%.17g` if 15 digits do not suffice.
fn json_number(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>().len();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let precision = if digits <= 15 { 15 } else { 17 };
    if (-4..precision).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(claim: Value) -> Option<String> {
        let claims = json!({"c": claim});
        claim_text(claims.as_object().unwrap(), "c").map(Cow::into_owned)
    }

    #[test]
    fn scalar_claim_has_the_text_that_envoy_writes() {
        for (claim, expected) in [
            (json!("a b"), "a b"),
            (json!(7), "7"),
            (json!(1.5), "1.500000"),
            (json!(-3), "-3.000000"),
            (json!(12_345_678_901_234_567_890_u64), "12345678901234567168"),
            (json!(1e20), "100000000000000000000.000000"),
            (json!(true), "true"),
            (json!(false), "false"),
        ] {
            assert_eq!(text(claim.clone()).as_deref(), Some(expected), "{claim}");
        }
        assert_eq!(text(json!("")), None);
        assert_eq!(text(json!(null)), None);
    }

    #[test]
    fn list_or_object_claim_is_json_in_base64() {
        for (claim, expected) in [
            (json!(["x", 1, null]), "WyJ4IiwxLG51bGxd"),
            (json!({"k": "v"}), "eyJrIjoidiJ9"),
            (json!([]), "W10="),
            (json!(["?>~\u{ff}"]), "WyI/XHUwMDNlfsO/Il0="),
            (
                json!([1.5, -2, 1e20, 1e-7, 123_456_789_012_u64, true, 0.1]),
                "WzEuNSwtMiwxZSsyMCwxZS0wNywxMjM0NTY3ODkwMTIsdHJ1ZSwwLjFd",
            ),
        ] {
            assert_eq!(text(claim.clone()).as_deref(), Some(expected), "{claim}");
        }
    }

    #[test]
    fn dot_in_claim_name_is_a_step_into_an_object() {
        let claims = json!({"o": {"k": {"x": "v"}}, "a.b": "dotted"});
        let claims = claims.as_object().unwrap();
        assert_eq!(claim_text(claims, "o.k.x").as_deref(), Some("v"));
        assert_eq!(claim_text(claims, "a.b"), None);
        assert_eq!(claim_text(claims, "o.k.x.y"), None);
        assert_eq!(claim_text(claims, ""), None);
    }
}
