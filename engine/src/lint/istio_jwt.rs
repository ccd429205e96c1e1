//! The checks of token rules by the schema of RequestAuthentication and by istiod's webhook
//! (docs/semantics/istio.md#istio-webhook-tokens).

use super::Findings;
use crate::{
    lower::istio::{duration, url},
    resource::{
        Object,
        istio::{JwtRule, RequestAuthenticationSpec},
    },
};
use alloc::{format, string::String};
use serde_json::Value;

type Policy = Object<RequestAuthenticationSpec>;

/// The limits of the schema.
const MAX_RULES: usize = 4096;
const MAX_URI: usize = 2048;
const MAX_CLAIMS: usize = 64;

/// Checks the rules of `policy`.
pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    let rules = policy.spec.jwt_rules.as_deref().unwrap_or_default();
    if rules.len() > MAX_RULES {
        findings.rejected_by_istiod(
            policy,
            "spec.jwtRules",
            "more than 4096 rules",
            "write a second policy for the rest",
        );
    }
    for (i, rule) in rules.iter().enumerate() {
        let path = format!("spec.jwtRules[{i}]");
        keys(policy, &path, rule, findings);
        lists(policy, &path, rule, findings);
        if let Some(timeout) = rule.timeout.as_deref().filter(|timeout| !is_timeout(timeout)) {
            let message = format!("invalid timeout `{timeout}`");
            let help =
                "write whole milliseconds as seconds, such as `5s` or `0.25s`, at most `315576000000s`";
            findings.rejected_by_istiod(policy, format!("{path}.timeout"), message, help);
        }
    }
}

/// Checks the issuer and the location of its keys.
fn keys(policy: &Policy, path: &str, rule: &JwtRule, findings: &mut Findings) {
    let has_text = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if !has_text(&rule.issuer) && !has_text(&rule.jwks_uri) {
        let help = "add the issuer or jwksUri";
        findings.rejected_by_istiod(policy, path, "neither issuer nor jwksUri", help);
    }
    if let Some(uri) = rule.jwks_uri.as_deref().filter(|uri| !uri.is_empty())
        && let Err(reason) = check_keys_uri(uri)
    {
        let help = "use an http or https URL, such as `https://keys.example.com/keys`";
        findings.rejected_by_istiod(
            policy,
            format!("{path}.jwksUri"),
            format!("invalid jwksUri `{uri}`: {reason}"),
            help,
        );
    }
    let Some(jwks) = &rule.jwks else { return };
    let path = format!("{path}.jwks");
    if rule.jwks_uri.is_some() {
        findings.rejected_by_istiod(policy, path.clone(), "both jwks and jwksUri", "keep one of the two");
    }
    if jwks.is_empty() {
        return;
    }
    match parse_key_set(jwks) {
        Err(reason) => {
            let help = "write a JSON Web Key Set: {\"keys\": [...]}";
            findings.rejected_by_istiod(policy, path, format!("invalid jwks: {reason}"), help);
        }
        Ok(keys) if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) => {
            let help = "publish public keys only";
            findings.warning(policy, "private-key", path, "jwks has a private key", help);
        }
        Ok(_) => {}
    }
}

/// Checks `uri` as istiod's `ParseJwksURI` does, and its length as the schema does.
fn check_keys_uri(uri: &str) -> Result<(), &'static str> {
    if uri.chars().count() > MAX_URI {
        return Err("more than 2048 characters");
    }
    let url = url::parse(uri)?;
    if !matches!(url.scheme.as_str(), "http" | "https") {
        return Err("the scheme must be http or https");
    }
    // Ports above 65535 pass istiod's check.
    if !url.port.is_empty() && url.port.parse::<i64>().is_err() {
        return Err("invalid port");
    }
    Ok(())
}

/// Returns the keys of a key set, or the single key that istiod accepts as a set.
fn parse_key_set(text: &str) -> Result<alloc::vec::Vec<Value>, &'static str> {
    let set: Value = serde_json::from_str(text).map_err(|_| "not JSON")?;
    let keys = match set.get("keys") {
        Some(Value::Array(keys)) => keys.clone(),
        Some(_) => return Err("`keys` is not a list"),
        None => alloc::vec![set],
    };
    for key in &keys {
        let required: &[&str] = match key.get("kty").and_then(Value::as_str) {
            Some("RSA") => &["n", "e"],
            Some("EC") => &["crv", "x", "y"],
            Some("OKP") => &["crv", "x"],
            Some("oct") => &["k"],
            Some(_) => return Err("unknown key type"),
            None => return Err("a key without `kty`"),
        };
        if !required.iter().all(|name| key.get(*name).is_some_and(Value::is_string)) {
            return Err("a key without one of its parameters");
        }
    }
    Ok(keys)
}

fn lists(policy: &Policy, path: &str, rule: &JwtRule, findings: &mut Findings) {
    let lists = [
        ("audiences", &rule.audiences),
        ("fromParams", &rule.from_params),
        ("fromCookies", &rule.from_cookies),
        ("spaceDelimitedClaims", &rule.space_delimited_claims),
    ];
    for (name, values) in lists {
        for (i, _) in values.iter().flatten().enumerate().filter(|(_, value)| value.is_empty()) {
            let path = format!("{path}.{name}[{i}]");
            findings.rejected_by_istiod(policy, path, "an empty value", "remove it, or write a value");
        }
    }
    if rule.space_delimited_claims.as_ref().is_some_and(|claims| claims.len() > MAX_CLAIMS) {
        let path = format!("{path}.spaceDelimitedClaims");
        findings.rejected_by_istiod(policy, path, "more than 64 claims", "list at most 64");
    }
    for (i, header) in rule.from_headers.iter().flatten().enumerate() {
        if header.name.as_deref().unwrap_or_default().is_empty() {
            let path = format!("{path}.fromHeaders[{i}].name");
            findings.rejected_by_istiod(policy, path, "a header without a name", "name the header");
        }
    }
    for (i, item) in rule.output_claim_to_headers.iter().flatten().enumerate() {
        let header = item.as_ref().and_then(|item| item.header.as_deref()).unwrap_or_default();
        let claim = item.as_ref().and_then(|item| item.claim.as_deref()).unwrap_or_default();
        let is_valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if header.is_empty() || claim.is_empty() || !header.bytes().all(is_valid) {
            let path = format!("{path}.outputClaimToHeaders[{i}]");
            findings.rejected_by_istiod(
                policy,
                path,
                "header or claim is empty or malformed",
                "write a valid header and a valid claim",
            );
        }
    }
}

/// Returns whether `text` is a duration of whole milliseconds, at least one.
fn is_timeout(text: &str) -> bool {
    const MILLISECOND: i128 = 1_000_000;
    duration::nanoseconds(text).is_some_and(|n| n >= MILLISECOND && n % MILLISECOND == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cluster, Options, Severity, lint, resource::Resources};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::json;

    fn errors(rule: Value) -> Vec<String> {
        let mut resources = Resources::default();
        let policy = json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "p", "namespace": "foo"}, "spec": {"jwtRules": [rule]},
        });
        resources.add(policy, Default::default()).unwrap();
        let findings = lint::check(&Cluster::new(resources).0, &Options::default());
        findings.into_iter().filter(|f| f.severity == Severity::Error).map(|f| f.path).collect()
    }

    #[test]
    fn jwks_uri_is_an_http_url_with_a_valid_port() {
        for uri in
            ["http://k", "https://k:8443/x", "HTTPS://k.example", "https://[::1]:1/", "https://k:99999"]
        {
            assert!(errors(json!({"issuer": "i", "jwksUri": uri})).is_empty(), "{uri}");
        }
        let long = format!("https://k/{}", "a".repeat(MAX_URI));
        for uri in [
            "k.example/x",
            "ftp://k/x",
            "https//k",
            "https://k:port/x",
            "https://k:80:90/x",
            "https://k:99999999999999999999/x",
            "https://k:-1/",
            "https://k k/",
            "https://k/%zz",
            "://k",
            "file:///etc/keys",
            &long,
        ] {
            let found = errors(json!({"issuer": "i", "jwksUri": uri}));
            assert_eq!(found, ["spec.jwtRules[0].jwksUri"], "{uri}");
        }
    }

    #[test]
    fn both_jwks_and_jwks_uri_or_neither_is_an_error() {
        let uri = "https://k/";
        assert_eq!(errors(json!({"issuer": "i", "jwksUri": uri, "jwks": ""})), ["spec.jwtRules[0].jwks"]);
        assert_eq!(errors(json!({"jwks": "{\"keys\": []}"})), ["spec.jwtRules[0]"]);
        assert!(errors(json!({"jwksUri": uri, "presence": "OPTIONAL"})).is_empty());
    }

    #[test]
    fn key_without_parameters_is_an_error() {
        let at = |jwks: Value| errors(json!({"issuer": "i", "jwks": jwks.to_string()}));
        let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        for good in [json!({"keys": []}), json!({"keys": [rsa]}), rsa] {
            assert!(at(good.clone()).is_empty(), "{good}");
        }
        for bad in [
            json!({"keys": [{"kty": "RSA", "n": "AQAB"}]}),
            json!({"keys": [{"kty": "x"}]}),
            json!({"keys": [{}]}),
            json!({"keys": {}}),
            json!({}),
            json!("x"),
        ] {
            assert_eq!(at(bad.clone()), ["spec.jwtRules[0].jwks"], "{bad}");
        }
    }

    #[test]
    fn timeout_of_partial_milliseconds_is_an_error() {
        let at = |timeout: &str| errors(json!({"issuer": "i", "timeout": timeout}));
        for good in ["5s", "0.001s", "1.25s"] {
            assert!(at(good).is_empty(), "{good}");
        }
        for bad in ["0s", "0.0005s", "1.2345s", "-1s", "5m", "100ms", "apple", ""] {
            assert_eq!(at(bad), ["spec.jwtRules[0].timeout".to_string()], "{bad}");
        }
    }
}
