//! Routes: half of them are prefixes, a quarter exact paths and a quarter templates.

use palisade::{
    CompileSwitches, CompiledRules, PolicyRef, Request, RuleId,
    ir::{Clause, Effect, Gap, GapClass, Glob, Group, Rule, Section, Test, Text, TextAttribute},
};

/// Returns the pattern of route `i`.
pub fn route(i: usize) -> Text {
    match i % 4 {
        0 | 1 => Text::Prefix(format!("/svc{i}/").into()),
        2 => Text::Exact(format!("/svc{i}/status").into()),
        _ => {
            let segment = Gap { min: 1, class: GapClass::TemplateSegment };
            Text::Glob(Glob::new("/tenants/", [(segment, format!("/res{i}").into())]))
        }
    }
}

/// Compiles `n` routes. The first matching route wins.
pub fn table(n: usize) -> CompiledRules {
    let rules: Vec<Rule> = (0..n)
        .map(|i| {
            let policy = PolicyRef {
                kind: "AuthorizationPolicy",
                namespace: "foo".into(),
                name: format!("r{i}").into(),
            };
            let tests = vec![Test::text(TextAttribute::Path, [route(i)])];
            let clauses = vec![Clause { tests, index: 0 }];
            let groups = vec![Group { section: Section::To, clauses }];
            Rule { id: RuleId::new(policy, 0), effect: Effect::Allow, groups }
        })
        .collect();
    CompiledRules::new(&rules, CompileSwitches::default())
}

/// Returns a path that matches route `i`.
pub fn hit(i: usize) -> String {
    match i % 4 {
        0 | 1 => format!("/svc{i}/items/42"),
        2 => format!("/svc{i}/status"),
        _ => format!("/tenants/acme/res{i}"),
    }
}

/// Returns a path that matches no route, although it starts like one that does.
pub fn miss(i: usize) -> String {
    format!("/svc{i}x/items/42")
}

/// Returns the route of `path`.
pub fn find(table: &CompiledRules, path: &str) -> Option<u32> {
    let request = Request { path: Some(path.as_bytes()), ..Request::default() };
    table.first_match(&request, 0).expect("a path that can be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hit_matches_its_route_and_miss_none() {
        let table = table(200);
        for i in 0..200 {
            assert_eq!(find(&table, &hit(i)), Some(i as u32));
            assert_eq!(find(&table, &miss(i)), None);
        }
    }
}
