//! Name patterns, compared with their translation to regular expressions
//! (docs/semantics/cilium.md#cilium-star-and-dot), which the engine does not use.

use core::cell::Cell;
use palisade::{
    CiliumVersion, CompileSwitches, CompiledRules, FqdnPattern, Options, PolicyRef, Request, RuleId,
    ir::{Clause, Effect, Group, NameAttribute, NamePattern, Rule, Section, Test},
};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use regex::bytes::{Regex, RegexBuilder};

const CHARACTER: &str = "[-a-zA-Z0-9_]";

/// Returns `text` in lower case with a final dot.
fn canonical(text: &str) -> String {
    let lower: String = text.chars().map(|c| c.to_ascii_lowercase()).collect();
    if lower.ends_with('.') { lower } else { format!("{lower}.") }
}

/// Returns the regular expression of `text`.
fn expression(text: &str, whole_labels: bool, dns_rule: bool) -> Regex {
    let text = canonical(text);
    let only_stars = text.strip_suffix('.').is_some_and(|t| !t.is_empty() && t.chars().all(|c| c == '*'));
    let mut out = String::new();
    if only_stars {
        out = if dns_rule { ".*".into() } else { format!(r"({CHARACTER}+\.)+|\.") };
    } else {
        let mut rest: &str = &text;
        let stars = text.len() - text.trim_start_matches('*').len();
        if whole_labels && stars >= 2 && text[stars..].starts_with('.') {
            out = format!(r"({CHARACTER}+\.)+");
            rest = &text[stars + 1..];
        }
        while let Some(first) = rest.chars().next() {
            let after = rest.trim_start_matches('*');
            if first == '*' {
                out.push_str(&format!("{CHARACTER}*"));
                rest = after;
            } else {
                out.push_str(&regex::escape(&first.to_string()));
                rest = &rest[1..];
            }
        }
    }
    let whole = format!(r"\A(?:{out})\z");
    RegexBuilder::new(&whole).unicode(false).dot_matches_new_line(true).build().expect("an expression")
}

/// Returns parts of patterns and names, so few that names often match.
fn piece() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "ab", "io", "x-1", "_", "*", "*", "**", "***", ".", ".", ".", "..", "A"])
}

fn pattern() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..8).prop_map(|pieces| pieces.concat())
}

/// Returns a name that matches `pattern` or nearly does: a text replaces each run of stars.
fn aimed(pattern: &str, fill: &[&str], spoil: usize) -> String {
    let mut name = String::new();
    let mut fill = fill.iter().cycle();
    let mut last = ' ';
    for character in pattern.chars() {
        match character {
            '*' if last == '*' => {}
            '*' => name.push_str(fill.next().copied().unwrap_or_default()),
            other => name.push(other),
        }
        last = character;
    }
    match spoil {
        0 => name.push('.'),
        1 => name.insert(0, 'z'),
        2 => drop(name.pop()),
        3 => name.insert_str(0, "q."),
        4 => name.push_str(".evil.io"),
        _ => {}
    }
    name
}

fn fills() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(select(vec!["", "a", "ab", "a.b", "x-1_", "a b", "a..b", "io", "é"]), 1..4)
}

fn cases(usual: u32) -> ProptestConfig {
    let configured = std::env::var("PALISADE_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let mut config = ProptestConfig::with_cases(configured.unwrap_or(usual));
    config.failure_persistence = None;
    config
}

#[test]
fn name_pattern_matches_as_its_regular_expression() {
    let tally = Cell::new((0u64, 0u64));
    let drawn = (pattern(), proptest::collection::vec((fills(), 0..8usize), 20), any::<bool>());
    let mut runner = TestRunner::new(cases(25_000));
    let result = runner.run(&drawn, |(text, names, older)| {
        let cilium_version = if older { CiliumVersion::V1_18 } else { CiliumVersion::V1_20 };
        let mut options = Options::default();
        options.cilium.version = cilium_version;
        let compiled = FqdnPattern::new(&text, &options).expect("legal characters");
        let expected = expression(&text, !older, false);
        for (fill, spoil) in &names {
            let name = aimed(&text, fill, *spoil);
            let is_expected = expected.is_match(canonical(&name).as_bytes());
            prop_assert_eq!(compiled.matches(&name), is_expected, "{} {} {:?}", text, name, cilium_version);
            prop_assert_eq!(compiled.mismatch(&name).is_none(), is_expected);
            let (total, matched) = tally.get();
            tally.set((total + 1, matched + u64::from(is_expected)));
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let (total, matched) = tally.get();
    println!("name patterns: of {total} names {matched} matched");
    assert!(matched * 10 > total && (total - matched) * 10 > total);
}

fn rule(number: u32, attribute: NameAttribute, patterns: Vec<NamePattern>) -> Rule {
    let policy = PolicyRef { kind: "CiliumNetworkPolicy", namespace: "foo".into(), name: "p".into() };
    let test = Test::name(attribute, patterns);
    let clause = Clause { tests: vec![test], index: 0 };
    let group = Group { section: Section::Peer, clauses: vec![clause] };
    Rule { id: RuleId::new(policy, number), effect: Effect::Allow, groups: vec![group] }
}

#[test]
fn name_set_matches_as_regular_expressions_of_its_rules() {
    let drawn = (
        proptest::collection::vec(proptest::collection::vec(pattern(), 1..6), 1..6),
        proptest::collection::vec((0..30usize, fills(), 0..8usize), 20),
        any::<bool>(),
    );
    let mut runner = TestRunner::new(cases(6_000));
    let result = runner.run(&drawn, |(texts, names, dns_rule)| {
        let attribute = if dns_rule { NameAttribute::DnsQuery } else { NameAttribute::Peer };
        let wildcard = |text: &String| NamePattern::Wildcard {
            pattern: canonical(text).into(),
            subdomains: true,
            any_bytes: dns_rule,
        };
        let rules: Vec<Rule> = (0u32..)
            .zip(&texts)
            .map(|(n, list)| rule(n, attribute, list.iter().map(wildcard).collect()))
            .collect();
        let expected: Vec<Vec<Regex>> =
            texts.iter().map(|list| list.iter().map(|t| expression(t, true, dns_rule)).collect()).collect();
        let all: Vec<&String> = texts.iter().flatten().collect();
        let all_on = CompileSwitches::default();
        for switches in
            [all_on, CompileSwitches { index: false, ..all_on }, CompileSwitches { sets: false, ..all_on }]
        {
            let compiled = CompiledRules::new(&rules, switches);
            for (which, fill, spoil) in &names {
                let name = canonical(&aimed(all[which % all.len()], fill, *spoil));
                let list = [name.as_str()];
                let request = Request { dns_query: Some(&name), peer_names: &list, ..Request::default() };
                let matches: Vec<bool> =
                    expected.iter().map(|l| l.iter().any(|e| e.is_match(name.as_bytes()))).collect();
                let first = matches.iter().position(|matches| *matches).map(|n| n as u32);
                prop_assert_eq!(compiled.first_match(&request, 0), Ok(first), "{} in {:?}", name, texts);
                for (number, matches) in (0u32..).zip(matches) {
                    prop_assert_eq!(compiled.holds(number, &request), Ok(matches), "{} in {:?}", name, texts);
                }
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
