use super::*;
use alloc::{format, string::String, vec};

/// Returns the keys that `value` finds. A key with a final star matches a part of the value.
fn found(direction: ReadDirection, case: CaseSensitivity, keys: &[&str], value: &str) -> Vec<String> {
    let mut pool = StringPoolBuilder::default();
    let collation =
        Collation { case, separator: if direction == ReadDirection::Forward { b'/' } else { b'.' } };
    let literals = keys.iter().zip(0..).map(|(key, n)| match key.strip_suffix('*') {
        Some(key) => Literal::new(key, Extent::Part, n),
        None => Literal::new(key, Extent::Whole, n),
    });
    let map = LiteralMap::new(direction, collation, &mut pool, literals);
    let mut out = vec![];
    let _ = map.walk(&pool.finish(), value.as_bytes(), |n| {
        out.push(keys[n as usize].into());
        ControlFlow::Continue(())
    });
    out
}

#[test]
fn walk_returns_prefixes_shortest_first_then_the_exact_text() {
    let keys = ["*", "/a*", "/a", "/a/*", "/a/b/*", "/a/b", "/a/b/c/d*", "/x/*", "/a/b/cd*", "q*"];
    let find = |value| found(ReadDirection::Forward, CaseSensitivity::Sensitive, &keys, value);
    assert_eq!(find("/a"), ["*", "/a*", "/a"]);
    assert_eq!(find("/a/b"), ["*", "/a*", "/a/*", "/a/b"]);
    assert_eq!(find("/a/b/c/def"), ["*", "/a*", "/a/*", "/a/b/*", "/a/b/c/d*"]);
    assert_eq!(find("/a/b/cd"), ["*", "/a*", "/a/*", "/a/b/*", "/a/b/cd*"]);
    assert_eq!(find("qq/a/"), ["*", "q*"]);
    assert_eq!(find(""), ["*"]);
}

#[test]
fn value_without_the_common_prefix_of_all_keys_finds_nothing() {
    let keys = ["/api/v1/tenants/a/*", "/api/v1/tenants/b*", "/api/v1/tenants/*"];
    let find = |value| found(ReadDirection::Forward, CaseSensitivity::Sensitive, &keys, value);
    assert_eq!(find("/api/v1/tenants/a/x"), ["/api/v1/tenants/*", "/api/v1/tenants/a/*"]);
    assert_eq!(find("/api/v1/tenants/"), ["/api/v1/tenants/*"]);
    for other in ["/api/v2/tenants/a/x", "/api/v1/tenants", "/api/v1/", "/", "", "/xpi/v1/tenants/b"] {
        assert!(find(other).is_empty(), "{other}");
    }
}

#[test]
fn backward_map_finds_suffixes_and_ignores_case() {
    let keys = ["example.com", ".example.com*", "w.example.com*", "com*", ".com*"];
    let find = |value| found(ReadDirection::Backward, CaseSensitivity::Insensitive, &keys, value);
    assert_eq!(find("WWW.Example.com"), ["com*", ".com*", ".example.com*", "w.example.com*"]);
    assert_eq!(find("EXAMPLE.COM"), ["com*", ".com*", "example.com"]);
    assert!(find("example.org").is_empty());
}

#[test]
fn walk_agrees_with_plain_loops_on_every_short_text() {
    let alphabet = ["", "/", "a", "aaaaaaaa", "\0"];
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        texts = texts.iter().flat_map(|t| alphabet.map(|a| format!("{t}{a}"))).collect();
        texts.sort();
        texts.dedup();
    }
    for keys in texts.chunks(60) {
        let parts: Vec<String> = keys.iter().map(|k| format!("{k}*")).collect();
        let all: Vec<&str> = keys.iter().chain(&parts).map(String::as_str).collect();
        for value in &texts {
            let mut found = found(ReadDirection::Forward, CaseSensitivity::Sensitive, &all, value);
            let mut expected: Vec<String> = keys.iter().filter(|k| *k == value).cloned().collect();
            expected.extend(keys.iter().filter(|k| value.starts_with(&***k)).map(|k| format!("{k}*")));
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{value}");
        }
    }
}

#[test]
fn walk_finds_every_key_with_one_of_its_methods() {
    let keys = [("/", 1), ("/a/", 2), ("/a/b", 4), ("/a/b/c/", 1), ("/a/b/c/d", 8), ("", 16)];
    let collation = Collation { case: CaseSensitivity::Sensitive, separator: b'/' };
    let mut pool = StringPoolBuilder::default();
    let parts =
        (0..).zip(keys).map(|(n, (key, methods))| Literal { methods, ..Literal::new(key, Extent::Part, n) });
    let map = LiteralMap::new(ReadDirection::Forward, collation, &mut pool, parts);
    let pool = pool.finish();
    for methods in 0..32 {
        let (mut found, mut visits) = (vec![], 0);
        let bounds = SearchBounds { methods, below: &Cell::new(u32::MAX) };
        let _ = map.walk_within(bounds, &pool, b"/a/b/c/dd", |n| {
            visits += 1;
            found.extend(Some(n).filter(|n| keys[*n as usize].1 & methods != 0));
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        let expected: Vec<u32> = (0..6).filter(|n| keys[*n as usize].1 & methods != 0).collect();
        assert_eq!(found, expected, "{methods}");
        assert!(visits <= if methods & 15 == 0 { 1 } else { 6 }, "{methods}");
    }
}

#[test]
fn walk_stops_before_nodes_with_higher_ranks_only() {
    let keys = [("", 3), ("/a/", 5), ("/a/b/", 2), ("/a/b/c/", 4), ("/a/b/c/d/", 6), ("/a/b/c/d/e/", 5)];
    let collation = Collation { case: CaseSensitivity::Sensitive, separator: b'/' };
    let mut pool = StringPoolBuilder::default();
    let parts =
        (0..).zip(keys).map(|(n, (key, rank))| Literal { rank, ..Literal::new(key, Extent::Part, n) });
    let map = LiteralMap::new(ReadDirection::Forward, collation, &mut pool, parts);
    let pool = pool.finish();
    let visited = |bound: u32, sink: Option<u32>| {
        let (below, mut found) = (Cell::new(bound), vec![]);
        let _ = map.walk_within(
            SearchBounds { methods: ALL_METHODS, below: &below },
            &pool,
            b"/a/b/c/d/e/f",
            |n| {
                found.push(n);
                if Some(n) == sink {
                    below.set(keys[n as usize].1);
                }
                ControlFlow::Continue(())
            },
        );
        found
    };
    assert_eq!(visited(u32::MAX, None), [0, 1, 2, 3, 4, 5]);
    for bound in 0..8 {
        let found = visited(bound, None);
        assert!((0..6).filter(|n| keys[*n].1 < bound).all(|n| found.contains(&(n as u32))), "{bound}");
    }
    assert!(visited(2, None).is_empty());
    // No key below the third one has a lower rank.
    assert_eq!(visited(u32::MAX, Some(2)), [0, 1, 2]);
    assert_eq!(visited(u32::MAX, Some(1)), [0, 1, 2, 3]);
}

#[test]
fn walk_returns_each_of_many_nested_prefixes() {
    let prefixes: Vec<String> = (1..200).map(|n| format!("{}/*", "/a".repeat(n))).collect();
    let keys: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    assert_eq!(
        found(ReadDirection::Forward, CaseSensitivity::Sensitive, &keys, &"/a".repeat(1000)).len(),
        199
    );
}
