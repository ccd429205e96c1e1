//! The lists of postings, one for each key of the index.

use super::posting::Posting;
use alloc::{boxed::Box, vec::Vec};

/// Lists of postings. Most lists have one posting, whose position is part of the list's number.
#[derive(Debug)]
pub(super) struct PostingLists {
    /// The lists with several postings, then the postings of the other lists.
    items: Box<[Posting]>,
    /// The start of each list with several postings, and the end of the last.
    starts: Box<[u32]>,
}

/// The flag of a list with one posting; the other bits of its number are the position of the posting.
const SINGLE: u32 = 1 << 31;

impl PostingLists {
    /// Returns list `number`; an unknown list is empty.
    #[inline]
    pub(super) fn get(&self, number: u32) -> &[Posting] {
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

/// Builds the lists.
#[derive(Debug)]
pub(super) struct PostingListsBuilder {
    several: Vec<Posting>,
    starts: Vec<u32>,
    single: Vec<Posting>,
    /// The final length of `several`.
    total: u32,
}

impl PostingListsBuilder {
    /// Returns a builder for `lists`, which may be added in any order.
    pub(super) fn new<'l>(lists: impl Iterator<Item = &'l Vec<Posting>>) -> Self {
        let total = lists.map(Vec::len).filter(|len| *len != 1).sum::<usize>() as u32;
        Self { several: Vec::new(), starts: Vec::from([0]), single: Vec::new(), total }
    }

    /// Adds `list` and returns its number.
    pub(super) fn add(&mut self, list: Vec<Posting>) -> u32 {
        // INVARIANT: limits::MAX_MANIFEST_BYTES keeps the number of postings far below 2^31.
        if let [one] = *list {
            self.single.push(one);
            return SINGLE | (self.total + self.single.len() as u32 - 1);
        }
        self.several.extend(list);
        self.starts.push(self.several.len() as u32);
        self.starts.len() as u32 - 2
    }

    pub(super) fn finish(mut self) -> PostingLists {
        self.several.append(&mut self.single);
        PostingLists { items: self.several.into(), starts: self.starts.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::methods::MethodSet;
    use alloc::vec;

    #[test]
    fn list_is_returned_by_its_number() {
        let posting = |rule| Posting::new(rule, 0, None, MethodSet::ANY);
        let lists = [vec![1, 2], vec![3], vec![], vec![4], vec![5, 6, 7]];
        let lists = lists.map(|list| list.into_iter().map(posting).collect::<Vec<_>>());
        let mut built = PostingListsBuilder::new(lists.iter());
        let numbers = lists.clone().map(|list| built.add(list));
        let built = built.finish();
        for (number, list) in numbers.iter().zip(&lists) {
            assert_eq!(built.get(*number), list);
        }
        assert_eq!([built.get(100), built.get(SINGLE | 100)], [&[], &[]]);
    }
}
