use super::*;
use crate::{
    lower::cilium::name,
    matcher::{NameSet, strategy::SearchStrategy},
    options::Options,
};
use alloc::{format, string::String};
use serde_json::Value;

/// Returns whether `pattern` matches `text`, alone and in both kinds of sets.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = name::wildcard(pattern, false, &Options::default());
    let one = matches_one(&pattern, name::canonical(text).as_bytes());
    for strategy in [SearchStrategy::Indexed, SearchStrategy::Linear] {
        let set = NameSet::with_strategy([&pattern], strategy);
        assert_eq!(one, set.matches(name::canonical(text).as_bytes()));
    }
    one
}

#[test]
fn pattern_matches_names_as_documented() {
    for (pattern, yes, no) in [
        ("*.cilium.io", &["www.cilium.io", ".cilium.io"][..], &["cilium.io", "a.b.cilium.io"][..]),
        ("*cilium.io", &["cilium.io", "subcilium.io"], &["sub.cilium.io"]),
        ("**.cilium.io", &["a.cilium.io", "a.b.c.cilium.io"], &["cilium.io", "appcilium.io"]),
        ("**.*.cilium.io", &["a.b.cilium.io", "a.b.c.cilium.io"], &["a.cilium.io"]),
        ("*.*", &["cilium.io"], &["io", "a.b.c"]),
        ("api.*.x.io", &["api.eu.x.io", "api..x.io"], &["api.eu.w.x.io"]),
        ("*", &["cilium.io", "io", ""], &["a..b", "a b"]),
        ("sub.**.x.io", &["sub.a.x.io"], &["sub.a.b.x.io"]),
        ("a*b*c.io", &["abc.io", "axbxbc.io"], &["ab.io", "abcd.io"]),
    ] {
        for name in yes {
            assert!(matches(pattern, name), "{pattern} should match {name}");
        }
        for name in no {
            assert!(!matches(pattern, name), "{pattern} should not match {name}");
        }
    }
}

fn corpus(file: &str) -> Option<Value> {
    let path = palisade_test_support::corpus("cilium")?.join(file);
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn rows<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], |rows| rows.as_slice())
}

/// Returns the pattern of an item of `toFQDNs` or, if it can match any bytes, of `rules.dns`.
fn as_selector(field: &str, text: &str, any_bytes: bool) -> NamePattern {
    match (field, text) {
        (_, "") if any_bytes => name::wildcard("no.name.at.all", true, &Options::default()),
        (_, "") => NamePattern::Name(".".into()),
        ("matchName", text) => NamePattern::Name(name::canonical(text)),
        (_, text) => name::wildcard(text, any_bytes, &Options::default()),
    }
}

#[test]
fn corpus_of_cilium_gives_the_same_matches() {
    let mut wrong: Vec<String> = Vec::new();
    for file in ["fqdn-random.json", "fqdn-cases.json"] {
        let Some(corpus) = corpus(file) else { return };
        for row in rows(&corpus, "match") {
            let field = row["field"].as_str().unwrap_or("matchPattern");
            let (pattern, text) = (row["pattern"].as_str().unwrap(), row["name"].as_str().unwrap());
            let name = name::canonical(text);
            let is_match = |any| {
                let pattern = as_selector(field, pattern, any);
                NameSet::new([&pattern]).matches(name.as_bytes())
            };
            let as_rule = row.get("matchesAsDnsRule").unwrap_or(&row["matches"]);
            if is_match(false) != row["matches"] || is_match(true) != *as_rule {
                wrong.push(format!("{row}"));
            }
        }
        for row in rows(&corpus, "valid") {
            let field = row["field"].as_str().unwrap_or("matchPattern");
            let text = row["pattern"].as_str().unwrap();
            let valid = match field {
                "matchName" => name::validate_name(text),
                _ => name::validate_pattern(text),
            };
            if valid.is_ok() != row["valid"] {
                wrong.push(format!("{row}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn pattern_with_many_stars_takes_linear_time() {
    let pattern = format!("**.{}x.io", "*a".repeat(60));
    let name = format!("{}y.io", "a.".repeat(100));
    assert!(!matches(&pattern, &name));
}
