//! How fast this machine is beside the one on which the aims were taken.

use core::fmt;

use super::results::Result;

/// What libraries took there, in nanoseconds: the same versions, policies and requests as here.
struct There {
    shape: &'static str,
    engine: &'static str,
    requests: &'static str,
    /// How many rules, and how long.
    took: &'static [(u64, f64)],
}

const THERE: [There; 10] = [
    There {
        shape: "policies",
        engine: "cel, N programs",
        requests: "last",
        took: &[(1, 494.0), (10, 1_114.0), (100, 7_320.0), (1_000, 73_500.0)],
    },
    There {
        shape: "policies",
        engine: "cel, N programs",
        requests: "miss",
        took: &[(1, 307.0), (10, 858.0), (100, 6_380.0), (1_000, 69_600.0)],
    },
    There {
        shape: "policies",
        engine: "regorus, indexed data",
        requests: "last",
        took: &[(1, 1_156.0), (10, 1_162.0), (100, 1_206.0), (1_000, 1_226.0), (10_000, 1_250.0)],
    },
    There {
        shape: "policies",
        engine: "regorus, indexed data",
        requests: "miss",
        took: &[(1, 702.0), (10, 712.0), (100, 764.0), (1_000, 782.0), (10_000, 814.0)],
    },
    There {
        shape: "policies",
        engine: "casbin, keyMatch",
        requests: "last",
        took: &[(1, 1_025.0), (10, 3_840.0), (100, 32_500.0), (1_000, 318_000.0)],
    },
    There {
        shape: "policies",
        engine: "casbin, keyMatch",
        requests: "miss",
        took: &[(1, 679.0), (10, 3_500.0), (100, 31_800.0), (1_000, 315_000.0)],
    },
    There {
        shape: "policies",
        engine: "cedar, N permits",
        requests: "last",
        took: &[(1, 2_214.0), (10, 7_530.0), (100, 56_400.0), (1_000, 553_000.0)],
    },
    There {
        shape: "policies",
        engine: "cedar, N permits",
        requests: "miss",
        took: &[(1, 1_430.0), (10, 6_610.0), (100, 55_100.0), (1_000, 545_000.0)],
    },
    There {
        shape: "paths",
        engine: "matchit",
        requests: "hit",
        took: &[(10, 14.0), (100, 16.0), (1_000, 25.0), (10_000, 39.0)],
    },
    There {
        shape: "paths",
        engine: "matchit",
        requests: "miss",
        took: &[(10, 10.0), (100, 15.0), (1_000, 20.0), (10_000, 30.0)],
    },
];

/// How many times as long libraries take here as there.
pub(super) struct Machine {
    /// Ascending, at least one.
    quotients: Vec<f64>,
}

impl Machine {
    /// By all that was measured both here and there; none where nothing was.
    pub(super) fn of(results: &[Result]) -> Option<Self> {
        let here = |there: &There, n: u64| {
            let same = |r: &&Result| {
                (&*r.shape, &*r.engine, &*r.requests, r.n) == (there.shape, there.engine, there.requests, n)
            };
            results.iter().find(same).map(|r| r.nanoseconds)
        };
        let quotients = THERE
            .iter()
            .flat_map(|there| there.took.iter().filter_map(move |(n, took)| Some(here(there, *n)? / took)));
        let mut quotients: Vec<f64> = quotients.collect();
        quotients.sort_by(f64::total_cmp);
        (!quotients.is_empty()).then_some(Self { quotients })
    }

    /// The median: half of them take longer.
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
            "{} figures of libraries are known from the machine on which the aims were taken; here they take {:.2} times \
             as long (median; quartiles {:.2} to {:.2}).",
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
    fn it_is_told_by_those_who_were_measured_on_both() {
        assert!(Machine::of(&[measured("palisade", 10, 1.0)]).is_none());
        let machine = Machine::of(&[
            measured("palisade", 10, 1.0),
            measured("cel, N programs", 1, 494.0),
            measured("cel, N programs", 1_000, 147_000.0),
            measured("cel, N programs", 10_000, 1.0),
            measured("cedar, N permits", 10, 22_590.0),
        ])
        .unwrap();
        assert_eq!(machine.factor(), 2.0);
        let text = machine.to_string();
        assert!(text.starts_with("3 figures") && text.contains("2.00 times"), "{text}");
        assert!(text.contains("1.00 to 3.00"), "{text}");
    }
}
