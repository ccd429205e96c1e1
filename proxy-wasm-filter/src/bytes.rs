//! Bytes from the proxy, in memory that the filter reuses for every request.
//!
//! In nearly every host call, the proxy allocates memory in the VM. To find, clear and free that memory each time would
//! cost more than a decision.

use core::{cell::RefCell, fmt, ops::Deref};

/// Bytes from the proxy.
#[derive(Default)]
pub struct Bytes {
    /// Initialised in full, so that a wrong length from the proxy never exposes uninitialised memory.
    memory: Vec<u8>,
    len: usize,
}

/// Memory lent to the proxy, with the requested length, and memory for reuse.
#[derive(Debug)]
struct Pool {
    lent: Vec<(Vec<u8>, usize)>,
    spare: Vec<Vec<u8>>,
}

/// The smallest allocation, enough for most requests.
const SMALLEST: usize = 2 << 10;
/// The largest allocation that is reused.
const LARGEST: usize = 64 << 10;
/// The maximum number of allocations for reuse.
const SPARE: usize = 4;
/// The maximum number of lent allocations. A proxy fills one before it requests the next, so the oldest is abandoned.
const LENT: usize = 16;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { lent: Vec::new(), spare: Vec::new() }) };
}

impl Bytes {
    /// Lends memory for `len` bytes, which [`Self::filled`] takes back; null if there is none.
    #[cfg_attr(not(any(target_arch = "wasm32", test)), expect(dead_code, reason = "only a proxy calls it"))]
    pub(crate) fn lend(len: usize) -> *mut u8 {
        POOL.with(|pool| {
            let Ok(mut pool) = pool.try_borrow_mut() else { return core::ptr::null_mut() };
            // A spare allocation that is too small is freed.
            let spare = pool.spare.pop().filter(|memory| memory.len() >= len);
            let mut memory = spare.unwrap_or_else(|| vec![0; len.max(SMALLEST)]);
            let start = memory.as_mut_ptr();
            if pool.lent.len() >= LENT {
                pool.lent.remove(0);
            }
            pool.lent.push((memory, len));
            start
        })
    }

    /// Returns the bytes at `start`, of which the proxy has filled `len`; `None` if no memory, or less, was lent there.
    #[cfg_attr(not(any(target_arch = "wasm32", test)), expect(dead_code, reason = "only a proxy calls it"))]
    pub(crate) fn filled(start: *const u8, len: usize) -> Option<Self> {
        POOL.with(|pool| {
            let lent = &mut pool.try_borrow_mut().ok()?.lent;
            let place = lent.iter().position(|(memory, _)| memory.as_ptr() == start)?;
            let (memory, requested) = lent.swap_remove(place);
            (len <= requested).then_some(Self { memory, len })
        })
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let memory = core::mem::take(&mut self.memory);
        if (SMALLEST..=LARGEST).contains(&memory.len()) {
            // The pool does not exist while the thread ends.
            let _ = POOL.try_with(|pool| {
                if let Ok(mut pool) = pool.try_borrow_mut()
                    && pool.spare.len() < SPARE
                {
                    pool.spare.push(memory);
                }
            });
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(memory: Vec<u8>) -> Self {
        Self { len: memory.len(), memory }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reused_after_drop() {
        let start = Bytes::lend(3);
        let first = Bytes::filled(start, 3).unwrap();
        assert_eq!(*first, [0; 3]);

        // Memory in use, and lent memory, is not lent again.
        let other = Bytes::lend(1);
        assert_ne!(other, start);
        assert_ne!(Bytes::lend(1), other);
        drop(first);
        assert_eq!(Bytes::lend(SMALLEST), start);
        assert_eq!(Bytes::filled(start, 0).unwrap().len(), 0);
    }

    #[test]
    fn bytes_outside_the_lent_memory_are_refused() {
        let start = Bytes::lend(3);
        assert_eq!(Bytes::filled(start, 4), None);
        assert_eq!(Bytes::filled(start, 3), None);
        assert_eq!(Bytes::filled(core::ptr::null(), 0), None);
    }

    #[test]
    fn abandoned_memory_is_freed() {
        let first = Bytes::lend(1);
        let last = (0..LENT).fold(first, |_, _| Bytes::lend(1));
        POOL.with_borrow(|pool| assert_eq!(pool.lent.len(), LENT));
        assert_eq!(Bytes::filled(last, 1).unwrap().len(), 1);
        assert_eq!(Bytes::filled(first, 1), None);
    }

    #[test]
    fn pool_keeps_few_small_allocations() {
        let many: Vec<_> = (0..2 * SPARE).map(|_| Bytes::lend(1)).collect();
        let many: Vec<_> = many.into_iter().map(|start| Bytes::filled(start, 1)).collect();
        drop(many);
        drop(Bytes::filled(Bytes::lend(LARGEST + 1), 1));
        drop(Bytes::from(vec![0; 8]));
        POOL.with_borrow(|pool| {
            // A small allocation was freed for the large one, which is not reused.
            assert_eq!((pool.spare.len(), pool.lent.len()), (SPARE - 1, 0));
            assert!(pool.spare.iter().all(|memory| memory.len() == SMALLEST));
        });
    }
}
