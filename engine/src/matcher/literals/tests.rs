use super::*;
use alloc::{format, string::String, vec};

/// Keys that end with a star are parts.
fn found(from: From, case: Case, keys: &[&str], value: &str) -> Vec<String> {
    let mut texts = TextsBuilder::default();
    let reading = Reading { case, separator: if from == From::Start { b'/' } else { b'.' } };
    let spans = keys.iter().zip(0..).map(|(key, n)| match key.strip_suffix('*') {
        Some(key) => Literal::new(key, Extent::Part, n),
        None => Literal::new(key, Extent::Whole, n),
    });
    let map = LiteralMap::new(from, reading, &mut texts, spans);
    let mut out = vec![];
    let _ = map.walk(&texts.finish(), value.as_bytes(), |n| {
        out.push(keys[n as usize].into());
        ControlFlow::Continue(())
    });
    out
}

#[test]
fn finds_beginnings_shortest_first_and_then_the_whole() {
    let keys = ["*", "/a*", "/a", "/a/*", "/a/b/*", "/a/b", "/a/b/c/d*", "/x/*", "/a/b/cd*", "q*"];
    let find = |value| found(From::Start, Case::Kept, &keys, value);
    assert_eq!(find("/a"), ["*", "/a*", "/a"]);
    assert_eq!(find("/a/b"), ["*", "/a*", "/a/*", "/a/b"]);
    assert_eq!(find("/a/b/c/def"), ["*", "/a*", "/a/*", "/a/b/*", "/a/b/c/d*"]);
    assert_eq!(find("/a/b/cd"), ["*", "/a*", "/a/*", "/a/b/*", "/a/b/cd*"]);
    assert_eq!(find("qq/a/"), ["*", "q*"]);
    assert_eq!(find(""), ["*"]);
}

#[test]
fn what_all_keys_begin_with_is_asked_for() {
    let keys = ["/api/v1/tenants/a/*", "/api/v1/tenants/b*", "/api/v1/tenants/*"];
    let find = |value| found(From::Start, Case::Kept, &keys, value);
    assert_eq!(find("/api/v1/tenants/a/x"), ["/api/v1/tenants/*", "/api/v1/tenants/a/*"]);
    assert_eq!(find("/api/v1/tenants/"), ["/api/v1/tenants/*"]);
    for other in ["/api/v2/tenants/a/x", "/api/v1/tenants", "/api/v1/", "/", "", "/xpi/v1/tenants/b"] {
        assert!(find(other).is_empty(), "{other}");
    }
}

#[test]
fn reads_backwards_and_folds() {
    let keys = ["example.com", ".example.com*", "w.example.com*", "com*", ".com*"];
    let find = |value| found(From::End, Case::Folded, &keys, value);
    assert_eq!(find("WWW.Example.com"), ["com*", ".com*", ".example.com*", "w.example.com*"]);
    assert_eq!(find("EXAMPLE.COM"), ["com*", ".com*", "example.com"]);
    assert!(find("example.org").is_empty());
}

#[test]
fn agrees_with_plain_loops_on_every_short_text() {
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
            let mut found = found(From::Start, Case::Kept, &all, value);
            let mut expected: Vec<String> = keys.iter().filter(|k| *k == value).cloned().collect();
            expected.extend(keys.iter().filter(|k| value.starts_with(&***k)).map(|k| format!("{k}*")));
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{value}");
        }
    }
}

#[test]
fn a_walk_finds_every_key_with_one_of_its_marks() {
    let keys = [("/", 1), ("/a/", 2), ("/a/b", 4), ("/a/b/c/", 1), ("/a/b/c/d", 8), ("", 16)];
    let reading = Reading { case: Case::Kept, separator: b'/' };
    let mut texts = TextsBuilder::default();
    let parts =
        (0..).zip(keys).map(|(n, (key, marks))| Literal { marks, ..Literal::new(key, Extent::Part, n) });
    let map = LiteralMap::new(From::Start, reading, &mut texts, parts);
    let texts = texts.finish();
    for marks in 0..32 {
        let (mut found, mut visits) = (vec![], 0);
        let wanted = Wanted { marks, below: &Cell::new(u32::MAX) };
        let _ = map.walk_for(wanted, &texts, b"/a/b/c/dd", |n| {
            visits += 1;
            found.extend(Some(n).filter(|n| keys[*n as usize].1 & marks != 0));
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        let wanted: Vec<u32> = (0..6).filter(|n| keys[*n as usize].1 & marks != 0).collect();
        assert_eq!(found, wanted, "{marks}");
        assert!(visits <= if marks & 15 == 0 { 1 } else { 6 }, "{marks}");
    }
}

#[test]
fn a_walk_ends_where_only_ranks_that_are_not_wanted_lie_ahead() {
    let keys = [("", 3), ("/a/", 5), ("/a/b/", 2), ("/a/b/c/", 4), ("/a/b/c/d/", 6), ("/a/b/c/d/e/", 5)];
    let reading = Reading { case: Case::Kept, separator: b'/' };
    let mut texts = TextsBuilder::default();
    let parts =
        (0..).zip(keys).map(|(n, (key, rank))| Literal { rank, ..Literal::new(key, Extent::Part, n) });
    let map = LiteralMap::new(From::Start, reading, &mut texts, parts);
    let texts = texts.finish();
    let visited = |bound: u32, sink: Option<u32>| {
        let (below, mut found) = (Cell::new(bound), vec![]);
        let _ = map.walk_for(Wanted { marks: ALL, below: &below }, &texts, b"/a/b/c/d/e/f", |n| {
            found.push(n);
            if Some(n) == sink {
                below.set(keys[n as usize].1);
            }
            ControlFlow::Continue(())
        });
        found
    };
    assert_eq!(visited(u32::MAX, None), [0, 1, 2, 3, 4, 5]);
    for bound in 0..8 {
        let found = visited(bound, None);
        assert!((0..6).filter(|n| keys[*n].1 < bound).all(|n| found.contains(&(n as u32))), "{bound}");
    }
    assert!(visited(2, None).is_empty());
    // Behind the third key is none of a lower rank.
    assert_eq!(visited(u32::MAX, Some(2)), [0, 1, 2]);
    assert_eq!(visited(u32::MAX, Some(1)), [0, 1, 2, 3]);
}

#[test]
fn a_ladder_of_beginnings_is_found_whole() {
    let ladder: Vec<String> = (1..200).map(|n| format!("{}/*", "/a".repeat(n))).collect();
    let keys: Vec<&str> = ladder.iter().map(String::as_str).collect();
    assert_eq!(found(From::Start, Case::Kept, &keys, &"/a".repeat(1000)).len(), 199);
}
