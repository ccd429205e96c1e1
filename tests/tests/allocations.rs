//! Deciding allocates nothing.

use palisade::{CompileSwitches, CompiledRules, ir::Rule};
use palisade_tests::{generate, reference, sample::Sample};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

/// Draws one value, always the same.
fn draw<S: Strategy>(strategy: S) -> S::Value {
    strategy.new_tree(&mut TestRunner::deterministic()).expect("a value").current()
}

#[test]
fn first_match_allocates_nothing() {
    let rules: Vec<Rule> = draw(generate::narrow_rules(600..700));
    let samples: Vec<Sample> = draw(proptest::collection::vec(generate::sample(), 50));
    let (mut hits, mut misses) = (0, 0);
    for index in [true, false] {
        let compiled = CompiledRules::new(&rules, CompileSwitches { index, interpreter: None });
        for (n, sample) in samples.iter().enumerate() {
            for request in [sample.clone(), generate::aim(sample, &rules[n * 10 % rules.len()], n)] {
                for floor in [0, rules.len() as u32 - 3] {
                    let mut found = None;
                    let measured = allocation_counter::measure(|| {
                        found = compiled.first_match(&request, floor).expect("readable");
                    });
                    assert_eq!(found, reference::first_match(&rules, &request, floor));
                    if found.is_some() {
                        hits += 1
                    } else {
                        misses += 1
                    }
                    assert_eq!(measured.count_total, 0, "floor {floor}, {request:#?}");
                }
            }
        }
    }
    assert!(hits > 20 && misses > 20, "{hits} hits and {misses} misses are too few to mean anything");
}
