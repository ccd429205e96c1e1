//! DNS names and patterns: 40 % exact, 30 % `*.domain`, 10 % `**.domain`, 20 % `api-*.domain`.

use palisade::{FqdnPattern, Options};

fn domain(i: usize) -> String {
    format!("service{i}.example{}.com", i % 97)
}

/// Returns the text of pattern `i`.
pub fn text(i: usize) -> String {
    match i % 10 {
        0..4 => format!("www.{}", domain(i)),
        4..7 => format!("*.{}", domain(i)),
        7 => format!("**.{}", domain(i)),
        _ => format!("api-*.{}", domain(i)),
    }
}

/// Returns `n` patterns.
///
/// # Panics
///
/// If a pattern is invalid.
pub fn patterns(n: usize) -> Vec<FqdnPattern> {
    (0..n).map(|i| FqdnPattern::new(&text(i), &Options::default()).expect("a pattern")).collect()
}

/// Returns a canonical name that only pattern `i` matches.
pub fn hit(i: usize) -> String {
    match i % 10 {
        0..4 => format!("www.{}.", domain(i)),
        4..7 => format!("cdn7.{}.", domain(i)),
        7 => format!("a.b.{}.", domain(i)),
        _ => format!("api-eu.{}.", domain(i)),
    }
}

/// Returns a canonical name that no pattern matches, although patterns contain all of its suffixes.
pub fn miss(i: usize) -> String {
    format!("www.un{}.", domain(i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ops::ControlFlow;
    use palisade::FqdnSet;

    #[test]
    fn hit_matches_one_pattern_and_miss_none() {
        let set = FqdnSet::new(&patterns(500));
        for i in 0..500 {
            let mut found = Vec::new();
            let _ = set.each(&hit(i), |n| {
                found.push(n);
                ControlFlow::Continue(())
            });
            assert_eq!(found, [i]);
            assert!(!set.matches(&miss(i)));
        }
    }
}
