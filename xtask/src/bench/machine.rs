//! The speed of this machine, compared with the machine of the targets.

use core::fmt;

use super::results::Result;

/// Times of libraries on the machine of the targets, in the same versions and for the same kind of requests.
struct Reference {
    shape: &'static str,
    /// Numbers of rules.
    sizes: &'static [u64],
    /// The engine, the kind of requests, and the nanoseconds for each of the sizes.
    took: &'static [(&'static str, &'static str, &'static [f64])],
}

const REFERENCES: [Reference; 2] = [
    Reference {
        shape: "policies",
        sizes: &[1, 10, 100, 1_000, 10_000],
        took: &[
            ("cel, N programs", "last", &[494.0, 1_114.0, 7_320.0, 73_500.0, 1.34e6]),
            ("cel, N programs", "miss", &[307.0, 858.0, 6_380.0, 69_600.0, 0.84e6]),
            ("regorus, indexed data", "last", &[1_156.0, 1_162.0, 1_206.0, 1_226.0, 1_250.0]),
            ("regorus, indexed data", "miss", &[702.0, 712.0, 764.0, 782.0, 814.0]),
            ("casbin, keyMatch", "last", &[1_025.0, 3_840.0, 32_500.0, 318_000.0, 3.11e6]),
            ("casbin, keyMatch", "miss", &[679.0, 3_500.0, 31_800.0, 315_000.0, 3.13e6]),
            ("cedar, N permits", "last", &[2_214.0, 7_530.0, 56_400.0, 553_000.0, 8.1e6]),
            ("cedar, N permits", "miss", &[1_430.0, 6_610.0, 55_100.0, 545_000.0, 7.1e6]),
        ],
    },
    Reference {
        shape: "paths",
        sizes: &[10, 100, 1_000, 10_000],
        took: &[
            ("matchit", "hit", &[14.0, 16.0, 25.0, 39.0]),
            ("matchit", "miss", &[10.0, 15.0, 20.0, 30.0]),
        ],
    },
];

/// Quotients of the times on this machine and on the machine of the targets.
pub(super) struct Machine {
    /// Ascending, at least one.
    quotients: Vec<f64>,
}

impl Machine {
    /// Compares all results with a reference, or returns `None` if there are none.
    pub(super) fn of(results: &[Result]) -> Option<Self> {
        let here = |id: (&str, &str, &str, u64)| results.iter().find(|r| r.id() == id).map(|r| r.nanoseconds);
        let quotients = REFERENCES.iter().flat_map(|reference| {
            reference.took.iter().flat_map(move |(engine, requests, took)| {
                let each = reference.sizes.iter().zip(*took);
                each.filter_map(move |(n, took)| Some(here((reference.shape, engine, requests, *n))? / took))
            })
        });
        let mut quotients: Vec<f64> = quotients.collect();
        quotients.sort_by(f64::total_cmp);
        (!quotients.is_empty()).then_some(Self { quotients })
    }

    /// Returns the median of the quotients.
    pub(super) fn factor(&self) -> f64 {
        self.at(1, 2)
    }

    fn at(&self, part: usize, of: usize) -> f64 {
        self.quotients.get(self.quotients.len() * part / of).copied().unwrap_or(1.0)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} figures of libraries were also measured on the machine of the targets; on this machine they take {:.2} \
             times as long (median; quartiles {:.2} to {:.2}).",
            self.quotients.len(),
            self.factor(),
            self.at(1, 4),
            self.at(3, 4)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(engine: &str, n: u64, nanoseconds: f64) -> Result {
        let [shape, requests] = ["policies", "last"].map(str::to_owned);
        Result { shape, engine: engine.to_owned(), requests, n, nanoseconds }
    }

    #[test]
    fn factor_is_the_median_of_results_with_a_reference() {
        assert!(Machine::of(&[measured("palisade", 10, 1.0)]).is_none());
        let machine = Machine::of(&[
            measured("palisade", 10, 1.0),
            measured("cel, N programs", 1, 494.0),
            measured("cel, N programs", 1_000, 147_000.0),
            measured("cel, N programs", 2, 1.0),
            measured("cedar, N permits", 10, 22_590.0),
        ])
        .unwrap();
        assert_eq!(machine.factor(), 2.0);
        let text = machine.to_string();
        assert!(text.starts_with("3 figures") && text.contains("2.00 times"), "{text}");
        assert!(text.contains("1.00 to 3.00"), "{text}");
    }
}
