//! A policy set and the requests to ask of it, as a library and as a WebAssembly module: the two are timed in one
//! process, on the same questions, so that what WebAssembly costs is a ratio of times.

use palisade::{PolicySet, Verdict};
use palisade_benches::{
    ask::{Ask, Parts, compile},
    mix, principal,
    random::Random,
};

/// How many different requests are asked in turn.
const ASKS: usize = 1024;

/// Which policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// "Principal X may GET on path prefix /svcX/", and requests that one of the policies allows.
    Principal,
    /// The realistic mix.
    Mix,
}

impl Shape {
    /// All of them; the module knows a shape by its place here.
    pub const ALL: [Self; 2] = [Self::Principal, Self::Mix];
}

/// A policy set and requests.
#[derive(Debug)]
pub struct Questions {
    set: PolicySet,
    parts: Vec<Parts<'static>>,
    next: usize,
}

impl Questions {
    /// `n` rules of this shape. The requests stay in memory for ever.
    pub fn new(shape: Shape, n: usize) -> Self {
        let (set, asks): (PolicySet, Vec<Ask>) = match shape {
            Shape::Principal => {
                let mut random = Random::new(n as u64);
                let asks = (0..ASKS).map(|_| principal::hit(random.below(n))).collect();
                (principal::set(n), asks)
            }
            Shape::Mix => (compile(mix::policies(n)), mix::asks(n, ASKS)),
        };
        let asks: &'static [Ask] = Vec::leak(asks);
        Self { set, parts: asks.iter().map(Parts::new).collect(), next: 0 }
    }

    /// Decides this many requests, one after the other, and says how many were allowed.
    pub fn decide(&mut self, count: u32) -> u32 {
        let mut allowed = 0;
        for _ in 0..count {
            self.next = if self.next + 1 < self.parts.len() { self.next + 1 } else { 0 };
            allowed += u32::from(self.parts[self.next].decide(&self.set) == Verdict::Allow);
        }
        allowed
    }
}

#[cfg(target_family = "wasm")]
mod exports {
    #![expect(unsafe_code, reason = "an exported name could be somebody else's")]

    use super::{Questions, Shape};
    use std::cell::RefCell;

    thread_local! {
        static QUESTIONS: RefCell<Option<Questions>> = const { RefCell::new(None) };
    }

    #[unsafe(no_mangle)]
    extern "C" fn prepare(shape: u32, n: u32) {
        let questions = Questions::new(Shape::ALL[shape as usize], n as usize);
        QUESTIONS.set(Some(questions));
    }

    #[unsafe(no_mangle)]
    extern "C" fn decide(count: u32) -> u32 {
        QUESTIONS.with_borrow_mut(|questions| questions.as_mut().expect("prepared").decide(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_asked_in_turn() {
        let mut questions = Questions::new(Shape::Principal, 10);
        assert_eq!(questions.decide(2000), 2000);
        let mut questions = Questions::new(Shape::Mix, 100);
        let whole = questions.decide(ASKS as u32);
        assert!((1..ASKS as u32).contains(&whole), "{whole} are allowed");
        assert_eq!(questions.decide(ASKS as u32), whole);
    }
}
