//! Policy sets and their requests, as a library and as a WebAssembly module. Both are timed in one process on the same
//! requests, so that the cost of WebAssembly is a quotient of times.

use palisade::{PolicySet, Verdict};
use palisade_benches::{
    Random, mix, principal,
    requests::{OwnedRequest, RequestParts, compile},
};

/// The number of distinct requests.
const REQUESTS: usize = 1024;

/// The kind of policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// "Principal X may GET paths below /svcX/", with requests that one of the policies allows.
    Principal,
    /// The realistic mix.
    Mix,
}

impl Shape {
    /// All shapes. The module receives a shape as its index in this list.
    pub const ALL: [Self; 2] = [Self::Principal, Self::Mix];
}

/// A policy set and its requests.
#[derive(Debug)]
pub struct Questions {
    set: PolicySet,
    parts: Vec<RequestParts<'static>>,
    next: usize,
}

impl Questions {
    /// Creates a set with `n` rules of this shape. Its requests are never freed.
    pub fn new(shape: Shape, n: usize) -> Self {
        let (set, requests): (PolicySet, Vec<OwnedRequest>) = match shape {
            Shape::Principal => {
                let mut random = Random::new(n as u64);
                let requests = (0..REQUESTS).map(|_| principal::hit(random.below(n))).collect();
                (principal::set(n), requests)
            }
            Shape::Mix => (compile(mix::policies(n)), mix::requests(n, REQUESTS)),
        };
        let requests: &'static [OwnedRequest] = Vec::leak(requests);
        Self { set, parts: requests.iter().map(RequestParts::new).collect(), next: 0 }
    }

    /// Decides this number of requests in turn and returns how many were allowed.
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
    #![expect(unsafe_code, reason = "an exported name could be that of another module")]

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
    fn requests_are_decided_in_turn() {
        let mut questions = Questions::new(Shape::Principal, 10);
        assert_eq!(questions.decide(2000), 2000);
        let mut questions = Questions::new(Shape::Mix, 100);
        let whole = questions.decide(REQUESTS as u32);
        assert!((1..REQUESTS as u32).contains(&whole), "{whole} are allowed");
        assert_eq!(questions.decide(REQUESTS as u32), whole);
    }
}
