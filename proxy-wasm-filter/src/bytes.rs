//! Bytes that the proxy hands over, in memory that is used for one request after the other.
//!
//! The proxy asks for memory in the middle of nearly every call. Finding, clearing and freeing it each time would cost
//! more than deciding does.

use core::{cell::RefCell, fmt, ops::Deref};

/// Bytes from the proxy.
#[derive(Default)]
pub struct Bytes {
    /// All of it initialised, so that no proxy can show what was never written.
    memory: Vec<u8>,
    len: usize,
}

/// Memory that waits for the proxy to fill it, with how much of it the proxy has asked for, and memory to be used again.
#[derive(Debug)]
struct Pool {
    lent: Vec<(Vec<u8>, usize)>,
    spare: Vec<Vec<u8>>,
}

/// Enough for most requests, so that a piece is seldom too small.
const SMALLEST: usize = 2 << 10;
/// Larger pieces are freed.
const LARGEST: usize = 64 << 10;
/// How many pieces wait to be used again.
const SPARE: usize = 4;
/// How many pieces are lent at once. A proxy fills a piece before it asks for another, so the first of so many was given up.
const LENT: usize = 16;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { lent: Vec::new(), spare: Vec::new() }) };
}

impl Bytes {
    /// Memory for `len` bytes that [`Self::filled`] picks up again; null where there is none.
    #[cfg_attr(not(any(target_arch = "wasm32", test)), expect(dead_code, reason = "no proxy asks"))]
    pub(crate) fn lend(len: usize) -> *mut u8 {
        POOL.with(|pool| {
            let Ok(mut pool) = pool.try_borrow_mut() else { return core::ptr::null_mut() };
            // One that is too small makes room for this one.
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

    /// The memory that was lent at `start`, of which the proxy has filled `len` bytes; none if it was not lent, or
    /// not so much of it.
    #[cfg_attr(not(any(target_arch = "wasm32", test)), expect(dead_code, reason = "no proxy fills it"))]
    pub(crate) fn filled(start: *const u8, len: usize) -> Option<Self> {
        POOL.with(|pool| {
            let lent = &mut pool.try_borrow_mut().ok()?.lent;
            let place = lent.iter().position(|(memory, _)| memory.as_ptr() == start)?;
            let (memory, asked) = lent.swap_remove(place);
            (len <= asked).then_some(Self { memory, len })
        })
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let memory = core::mem::take(&mut self.memory);
        if (SMALLEST..=LARGEST).contains(&memory.len()) {
            // A thread that ends has no pool any more.
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
    fn memory_is_used_again_once_nobody_has_it() {
        let start = Bytes::lend(3);
        let first = Bytes::filled(start, 3).unwrap();
        assert_eq!(*first, [0; 3]);

        // While it is held, and while it waits to be filled, others get other memory.
        let other = Bytes::lend(1);
        assert_ne!(other, start);
        assert_ne!(Bytes::lend(1), other);
        drop(first);
        assert_eq!(Bytes::lend(SMALLEST), start);
        assert_eq!(Bytes::filled(start, 0).unwrap().len(), 0);
    }

    #[test]
    fn only_what_was_lent_is_shown() {
        let start = Bytes::lend(3);
        assert_eq!(Bytes::filled(start, 4), None);
        assert_eq!(Bytes::filled(start, 3), None);
        assert_eq!(Bytes::filled(core::ptr::null(), 0), None);
    }

    #[test]
    fn memory_that_nobody_fills_is_not_kept_for_ever() {
        let first = Bytes::lend(1);
        let last = (0..LENT).fold(first, |_, _| Bytes::lend(1));
        POOL.with_borrow(|pool| assert_eq!(pool.lent.len(), LENT));
        assert_eq!(Bytes::filled(last, 1).unwrap().len(), 1);
        assert_eq!(Bytes::filled(first, 1), None);
    }

    #[test]
    fn little_is_kept() {
        let many: Vec<_> = (0..2 * SPARE).map(|_| Bytes::lend(1)).collect();
        let many: Vec<_> = many.into_iter().map(|start| Bytes::filled(start, 1)).collect();
        drop(many);
        drop(Bytes::filled(Bytes::lend(LARGEST + 1), 1));
        drop(Bytes::from(vec![0; 8]));
        POOL.with_borrow(|pool| {
            // A small one has made room for the large one, which was not kept.
            assert_eq!((pool.spare.len(), pool.lent.len()), (SPARE - 1, 0));
            assert!(pool.spare.iter().all(|memory| memory.len() == SMALLEST));
        });
    }
}
