//! A rule as the index stores it.

use super::{instruction::NO_INSTRUCTION, methods::MethodSet};

/// A rule that can match if the request has the key under which the index stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) rule: u32,
    /// The rule's first instruction, or [`NO_INSTRUCTION`] if it has none.
    pub(super) first: u32,
    /// The instruction that the key proves, counted from the first; `u16::MAX` if it proves none.
    proven: u16,
    /// The methods with which the rule can match.
    pub(super) methods: MethodSet,
}

impl Posting {
    /// Returns the posting of rule number `rule`; the key proves instruction `proven`, counted from the first.
    pub(super) fn new(rule: u32, first: u32, proven: Option<u32>, methods: MethodSet) -> Self {
        let proven = proven.and_then(|at| at.try_into().ok()).unwrap_or(u16::MAX);
        Self { rule, first, proven, methods }
    }

    /// Returns the instruction that the key proves, or [`NO_INSTRUCTION`].
    #[inline]
    pub(super) fn proven(self) -> u32 {
        if self.proven == u16::MAX { NO_INSTRUCTION } else { self.first + u32::from(self.proven) }
    }
}
