//! Lists of different lengths, one behind the other.

use alloc::{boxed::Box, vec::Vec};

/// Lists by number.
#[derive(Debug)]
pub(crate) struct Runs<T> {
    items: Box<[T]>,
    /// Where each list starts, and at last where the last one ends.
    starts: Box<[u32]>,
}

impl<T> Runs<T> {
    /// List `number`; one that is not there is empty.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[T] {
        let number = number as usize;
        match (self.starts.get(number), self.starts.get(number + 1)) {
            (Some(start), Some(end)) => self.items.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// In order.
impl<T, L: IntoIterator<Item = T>> FromIterator<L> for Runs<T> {
    fn from_iter<I: IntoIterator<Item = L>>(lists: I) -> Self {
        let (mut items, mut starts) = (Vec::new(), Vec::from([0]));
        for list in lists {
            items.extend(list);
            starts.push(items.len() as u32);
        }
        Self { items: items.into(), starts: starts.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_their_numbers() {
        let runs: Runs<u8> = [&b"ab"[..], b"", b"c"].into_iter().map(|l| l.iter().copied()).collect();
        assert_eq!([runs.get(0), runs.get(1), runs.get(2), runs.get(3)], [&b"ab"[..], b"", b"c", b""]);
    }
}
