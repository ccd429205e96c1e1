//! Compiled rules decide as the reference evaluator does, for random rules and requests.

use core::cell::Cell;
use palisade::{
    CompileSwitches, CompiledRules, DecidedBy, Direction, NetworkProgram,
    ir::{NetworkLayer, Rule},
};
use palisade_tests::{
    generate::{aim, direction, narrow_rules, one_attribute, rules, sample, single_tests},
    reference,
    sample::Sample,
};
use proptest::{prelude::*, test_runner::TestRunner};

/// Returns the number of cases: `PALISADE_PROPERTY_CASES`, or `usual`.
fn cases(usual: u32) -> ProptestConfig {
    let configured = std::env::var("PALISADE_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let mut config = ProptestConfig::with_cases(configured.unwrap_or(usual));
    config.failure_persistence = None;
    config
}

/// The number of cases with each result.
#[derive(Debug, Default)]
struct Tally {
    total: Cell<u64>,
    matched: Cell<u64>,
}

impl Tally {
    fn add(&self, matched: bool) {
        self.total.set(self.total.get() + 1);
        self.matched.set(self.matched.get() + u64::from(matched));
    }

    /// Prints the counts, and panics if one result is so rare that the test shows little.
    fn close(&self, property: &str) {
        let (total, matched) = (self.total.get(), self.matched.get());
        println!("{property}: {total} requests, {matched} matched a rule");
        assert!(matched * 10 > total, "too few requests match");
        assert!((total - matched) * 10 > total, "too few requests match nothing");
    }
}

/// Returns the request, one aimed at a rule, and near misses of both.
fn requests(rules: &[Rule], drawn: &[Sample], choice: usize) -> Vec<Sample> {
    let mut requests = Vec::new();
    for (n, sample) in drawn.iter().enumerate() {
        let other = &drawn[(n + 1) % drawn.len()];
        let which = choice.wrapping_add(n);
        if let Some(rule) = rules.get(which % rules.len().max(1)) {
            let aimed = aim(sample, rule, choice);
            requests.push(aimed.with_one_of(other, which % Sample::ATTRIBUTES));
            requests.push(aimed);
        }
        requests.push(sample.clone());
    }
    requests
}

fn agree(rules: &[Rule], drawn: &[Sample], choice: usize, tally: &Tally) -> Result<(), TestCaseError> {
    let all = CompileSwitches::default();
    let compiled = [
        all,
        CompileSwitches { index: false, ..all },
        CompileSwitches { proven: false, methods: false, order: false, ..all },
        CompileSwitches { sets: false, ..all },
    ]
    .map(|switches| (CompiledRules::new(rules, switches), switches));
    for request in requests(rules, drawn, choice) {
        let floor = if choice.is_multiple_of(3) { (choice % (rules.len() + 1)) as u32 } else { 0 };
        let expected = reference::first_match(rules, &request, floor).expect("readable");
        tally.add(expected.is_some());
        for (compiled, switches) in &compiled {
            let found = compiled.first_match(&request, floor);
            prop_assert_eq!(found, Ok(expected), "{:?}, floor {}, {:#?}", switches, floor, request);
        }
        for (number, rule) in (0u32..).zip(rules) {
            let result = compiled[0].0.holds(number, &request);
            prop_assert_eq!(result, reference::rule(rule, &request), "rule {}, {:#?}", number, request);
        }
        for (trace, rule) in compiled[0].0.traces(&request).iter().zip(rules) {
            prop_assert_eq!(Ok(trace.matched), reference::rule(rule, &request));
        }
    }
    Ok(())
}

#[test]
fn compiled_rules_equal_reference() {
    let tally = Tally::default();
    let input = (rules(0..10), prop::collection::vec(sample(), 1..3), any::<usize>());
    TestRunner::new(cases(8_000))
        .run(&input, |(rules, drawn, choice)| agree(&rules, &drawn, choice, &tally))
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.close("rules of every shape");
}

#[test]
fn large_pattern_sets_equal_reference() {
    let tally = Tally::default();
    let input = (single_tests(1..4), prop::collection::vec(sample(), 1..3), any::<usize>());
    TestRunner::new(cases(4_000))
        .run(&input, |(rules, drawn, choice)| agree(&rules, &drawn, choice, &tally))
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.close("tests of many patterns");
}

/// Addresses, ports, labels and names: a million such requests cost as little as thousands of complete ones.
#[test]
fn connection_attributes_equal_reference() {
    let (tally, answers) = (Tally::default(), Cell::new(0u64));
    let input = (one_attribute(1..6, 100..200), any::<usize>());
    TestRunner::new(cases(8_000))
        .run(&input, |((rules, drawn), choice)| {
            let all = CompileSwitches::default();
            let compiled = CompiledRules::new(&rules, all);
            let without_sets = CompiledRules::new(&rules, CompileSwitches { sets: false, ..all });
            for (n, sample) in drawn.iter().enumerate() {
                let aimed = rules.get(n % (rules.len() + 2)).map(|rule| aim(sample, rule, choice ^ n));
                let request = aimed.as_ref().unwrap_or(sample);
                let expected = reference::first_match(&rules, request, 0).expect("readable");
                tally.add(expected.is_some());
                prop_assert_eq!(compiled.first_match(request, 0), Ok(expected), "{:#?}", request);
                prop_assert_eq!(without_sets.first_match(request, 0), Ok(expected), "{:#?}", request);
                for (number, rule) in (0u32..).zip(&rules) {
                    answers.set(answers.get() + 1);
                    let result = reference::rule(rule, request);
                    prop_assert_eq!(compiled.holds(number, request), result, "{}, {:#?}", number, request);
                }
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.close("connections");
    println!("connections: {} answers of single rules", answers.get());
}

#[test]
fn many_rules_equal_reference() {
    let tally = Tally::default();
    let input = (narrow_rules(100..200), prop::collection::vec(sample(), 4), any::<usize>());
    TestRunner::new(cases(60))
        .run(&input, |(rules, drawn, choice)| agree(&rules, &drawn, choice, &tally))
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.close("many rules");
}

#[test]
fn directions_equal_reference() {
    let tally = Tally::default();
    let input = (direction(), prop::collection::vec(sample(), 1..3), any::<usize>());
    TestRunner::new(cases(5_000))
        .run(&input, |(layer, drawn, choice)| {
            let network = NetworkLayer { egress: layer.clone(), ..NetworkLayer::default() };
            let compiled = NetworkProgram::new(&network, CompileSwitches::default());
            for request in requests(&layer.rules, &drawn, choice) {
                let (outcome, rule) = reference::direction(&layer, &request).expect("readable");
                tally.add(rule.is_some());
                let found = compiled.decide(Direction::Egress, &request);
                prop_assert_eq!(found.outcome, outcome, "{:#?}", request);
                let by = found.by.and_then(|by| match by {
                    DecidedBy::Rule(id) => Some(id),
                    DecidedBy::Default(_) => None,
                });
                prop_assert_eq!(by, rule);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.close("directions");
}

/// If every attribute that the reference evaluator needs is readable, an unreadable one changes nothing. Otherwise, the compiled
/// rules report it too, or return the result that does not depend on it.
#[test]
fn unreadable_attribute_never_changes_a_result() {
    let unread = Cell::new(0u64);
    let input = (rules(1..8), prop::collection::vec(sample(), 4), 0..Sample::ATTRIBUTES, any::<usize>());
    TestRunner::new(cases(4_000))
        .run(&input, |(rules, drawn, which, choice)| {
            for index in [true, false] {
                let compiled =
                    CompiledRules::new(&rules, CompileSwitches { index, ..CompileSwitches::default() });
                for request in requests(&rules, &drawn, choice) {
                    let broken = Sample { unreadable: Some(which), ..request.clone() };
                    let found = compiled.first_match(&broken, 0);
                    match reference::first_match(&rules, &broken, 0) {
                        Ok(expected) => prop_assert_eq!(found, Ok(expected), "{:#?}", broken),
                        Err(_) => unread.set(unread.get() + 1),
                    }
                    let Ok(answer) = found else { continue };
                    for other in &drawn {
                        let whole = request.with_one_of(other, which);
                        prop_assert_eq!(
                            reference::first_match(&rules, &whole, 0),
                            Ok(answer),
                            "{:#?}",
                            whole
                        );
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    println!("unreadable attributes: the reference evaluator fails for {} requests", unread.get());
    assert!(unread.get() > 1000, "too few requests need an unreadable attribute");
}
