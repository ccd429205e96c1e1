use super::*;
use crate::{lower::cilium::name, options::Options};
use alloc::{format, vec};

fn pattern(text: &str) -> NamePattern {
    match text.contains('*') {
        true => name::wildcard(text, false, &Options::default()),
        false => NamePattern::Name(name::canonical(text)),
    }
}

#[test]
fn each_visits_every_matching_pattern() {
    let texts = ["*.a.io", "*b.a.io", "**.c.io", "*.*", "d.e.f", "x*y.a.io", "a*b*c.io", "*", "*.a.io"];
    let patterns = texts.map(pattern);
    for strategy in [SearchStrategy::Indexed, SearchStrategy::Linear] {
        let set = NameSet::with_strategy(&patterns, strategy);
        for (name, expected) in [
            ("x.a.io.", &[0, 7, 8][..]),
            ("xb.a.io.", &[0, 1, 7, 8]),
            ("x1y.a.io.", &[0, 5, 7, 8]),
            (".a.io.", &[0, 8]),
            ("x.y.c.io.", &[2, 7]),
            ("x.c.io.", &[2, 7]),
            ("c.io.", &[3, 7]),
            ("x..c.io.", &[]),
            ("x.y.", &[3, 7]),
            ("d.e.f.", &[4, 7]),
            ("d.e.g.", &[7]),
            ("axbxbc.io.", &[3, 6, 7]),
            ("x.y.a.io.", &[7]),
            ("x y.a.io.", &[]),
            (".", &[7]),
            ("", &[]),
        ] {
            let mut found = vec![];
            let _ = set.each(name.as_bytes(), |n| {
                found.push(n);
                ControlFlow::Continue(())
            });
            found.sort_unstable();
            assert_eq!(found, expected, "{name}, {strategy:?}");
            assert_eq!(set.matches(name.as_bytes()), !expected.is_empty(), "{name}");
        }
    }
}

/// The patterns share a suffix and are so many that the set finds them by chunks.
#[test]
fn patterns_with_a_shared_suffix_are_found_by_their_text() {
    let forms = ["q{}.*.io", "a{}*.io", "*b{}*.io", "x*c{}y.io", "*.d{}.*.io", "**.e{}.*.io", "f*g*{}*.io"];
    let named = |n: usize| forms.map(|form| form.replace("{}", &format!("{n}")));
    let texts: Vec<_> =
        (0..100).flat_map(named).chain(["*.*.io".into(), "*.io".into(), "**.io".into()]).collect();
    let patterns: Vec<_> = texts.iter().map(|text| pattern(text)).collect();
    let set = NameSet::new(&patterns);
    let linear = NameSet::with_strategy(&patterns, SearchStrategy::Linear);
    let labels = ["q1", "q12", "a7", "a77", "xb3y", "b3b3", "xxc9y", "d5", "e42", "fg8", "fxgx8x", "z", ""];
    for one in labels {
        for other in labels {
            for name in
                [format!("{one}.io."), format!("{one}.{other}.io."), format!("{other}.z.{one}.{other}.io.")]
            {
                let [found, expected] = [&set, &linear].map(|set| {
                    let mut found = vec![];
                    let _ = set.each(name.as_bytes(), |n| {
                        found.push(n);
                        ControlFlow::Continue(())
                    });
                    found.sort_unstable();
                    found
                });
                assert_eq!(found, expected, "{name}");
            }
        }
    }
}

#[test]
fn each_of_many_patterns_is_found() {
    let patterns: Vec<_> = (0..1000).map(|n| pattern(&format!("*.d{n}.io"))).collect();
    let set = NameSet::new(&patterns);
    for n in 0..1000 {
        let mut found = vec![];
        let _ = set.each(format!("api.d{n}.io.").as_bytes(), |n| {
            found.push(n);
            ControlFlow::Continue(())
        });
        assert_eq!(found, [n]);
    }
}
