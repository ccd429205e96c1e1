//! Candidates by key.

use super::index::Candidate;
use alloc::{boxed::Box, vec::Vec};

/// Lists of candidates. Most keys have one: its number says where, and nothing else is read.
#[derive(Debug)]
pub(super) struct Runs {
    /// Those of the keys with several, and behind them those of the keys with one.
    items: Box<[Candidate]>,
    /// Where each list of several starts, and at last where the last one ends.
    starts: Box<[u32]>,
}

/// In the number of a list of one; the rest of it is the place of that one.
const SINGLE: u32 = 1 << 31;

impl Runs {
    /// List `number`; one that is not there is empty.
    #[inline]
    pub(super) fn get(&self, number: u32) -> &[Candidate] {
        if number & SINGLE != 0 {
            let at = (number & !SINGLE) as usize;
            return self.items.get(at..=at).unwrap_or_default();
        }
        let number = number as usize;
        match (self.starts.get(number), self.starts.get(number + 1)) {
            (Some(start), Some(end)) => self.items.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Collects lists.
#[derive(Debug)]
pub(super) struct RunsBuilder {
    several: Vec<Candidate>,
    starts: Vec<u32>,
    single: Vec<Candidate>,
    /// How many candidates `several` will have.
    total: u32,
}

impl RunsBuilder {
    /// For these lists, in any order.
    pub(super) fn new<'l>(lists: impl Iterator<Item = &'l Vec<Candidate>>) -> Self {
        let total = lists.map(Vec::len).filter(|len| *len != 1).sum::<usize>() as u32;
        Self { several: Vec::new(), starts: Vec::from([0]), single: Vec::new(), total }
    }

    /// The number of `list`.
    pub(super) fn add(&mut self, list: Vec<Candidate>) -> u32 {
        // INVARIANT: limits::MAX_MANIFEST_BYTES keeps the number of candidates far below 2^31.
        if let [one] = *list {
            self.single.push(one);
            return SINGLE | (self.total + self.single.len() as u32 - 1);
        }
        self.several.extend(list);
        self.starts.push(self.several.len() as u32);
        self.starts.len() as u32 - 2
    }

    pub(super) fn finish(mut self) -> Runs {
        self.several.append(&mut self.single);
        Runs { items: self.several.into(), starts: self.starts.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::methods::MethodSet;
    use alloc::vec;

    #[test]
    fn lists_keep_their_numbers() {
        let candidate = |rule| Candidate::new(rule, 0, None, MethodSet::ANY);
        let lists = [vec![1, 2], vec![3], vec![], vec![4], vec![5, 6, 7]];
        let lists = lists.map(|list| list.into_iter().map(candidate).collect::<Vec<_>>());
        let mut runs = RunsBuilder::new(lists.iter());
        let numbers = lists.clone().map(|list| runs.add(list));
        let runs = runs.finish();
        for (number, list) in numbers.iter().zip(&lists) {
            assert_eq!(runs.get(*number), list);
        }
        assert_eq!([runs.get(100), runs.get(SINGLE | 100)], [&[], &[]]);
    }
}
