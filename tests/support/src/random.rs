//! Pseudorandom numbers that a seed reproduces on every platform and with every version of the dependencies.

/// A SplitMix64 generator.
///
/// Recorded figures name seeds, so the sequence of a seed must never change.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates the generator of the sequence that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns the next number, reduced to less than `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    /// Returns true with a probability of `chance` percent.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// Returns one of `items`.
    ///
    /// # Panics
    ///
    /// If `items` is empty.
    #[expect(clippy::indexing_slicing, reason = "`below` returns an index of the list")]
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_reproduces_its_sequence() {
        let mut random = Random::new(1);
        assert_eq!(random.draw(), 0x910a_2dec_8902_5cc1);
        assert_eq!(Random::new(7).draw(), Random::new(7).draw());
    }
}
