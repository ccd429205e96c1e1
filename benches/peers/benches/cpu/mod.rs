//! The measured quantity and the order of the inputs.

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use palisade_benches::Random;
use std::time::Duration;

/// CPU time, on which other work on the machine has less effect than on wall time.
pub(crate) struct Cpu;

impl Measurement for Cpu {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }
    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }
    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }
    fn zero(&self) -> Duration {
        Duration::ZERO
    }
    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Returns up to 1,024 numbers below `n` in random order.
pub(crate) fn some(n: usize) -> Vec<usize> {
    let mut random = Random::new(n as u64);
    (0..n.min(1024)).map(|_| random.below(n)).collect()
}

/// Returns a function that returns the `items` in turn.
pub(crate) fn cycle<'t, T>(items: &'t [T]) -> impl FnMut() -> &'t T {
    let mut next = 0;
    move || {
        next = if next + 1 < items.len() { next + 1 } else { 0 };
        &items[next]
    }
}
