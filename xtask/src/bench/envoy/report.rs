//! The results as Markdown: medians and quartiles of differences within one round.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::summary::compare;
use super::variant::{Filter, Policy, Variant};

/// A variant, and whether its policies allow the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Measurement {
    pub(super) variant: Variant,
    pub(super) allowed: bool,
}

/// Microseconds per request in each round.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<Measurement, Vec<f64>>);

/// The quartiles of some figures.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quartiles([f64; 3]);

impl Samples {
    pub(super) fn add(&mut self, measurement: Measurement, microseconds: f64) {
        self.0.entry(measurement).or_default().push(microseconds);
    }

    fn of(&self, filter: Filter, policies: usize, allowed: bool) -> &[f64] {
        let measurement = Measurement { variant: Variant { filter, policies }, allowed };
        self.0.get(&measurement).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the additional time over `base`, as quartiles of the differences within a round.
    fn over(&self, filter: Filter, policies: usize, allowed: bool, base: Filter) -> Option<Quartiles> {
        let pairs = self.of(filter, policies, allowed).iter().zip(self.of(base, 1, true));
        Quartiles::new(pairs.map(|(all, base)| all - base).collect())
    }
}

impl Quartiles {
    fn new(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let last = figures.len().checked_sub(1)?;
        let at = |quarter: usize| figures.get(last.saturating_mul(quarter) / 4).copied();
        Some(Self([at(1)?, at(2)?, at(3)?]))
    }

    fn median(self) -> f64 {
        self.0[1]
    }

    /// Returns the median and the outer quartiles as text.
    fn show(self) -> String {
        let [low, median, high] = self.0;
        let places = if median.abs() < 100.0 { 1 } else { 0 };
        format!("{median:.places$} ({low:.places$} to {high:.places$})")
    }
}

/// Returns the tables.
pub(super) fn all(samples: &Samples, sizes: &[usize], rounds: usize) -> String {
    let base = Quartiles::new(samples.of(Filter::None, 1, true).to_vec());
    let base = base.map_or_else(String::new, Quartiles::show);
    let columns: String = sizes.iter().map(|n| format!(" N = {n} |")).collect();
    let mut text = format!(
        "Without a filter a request takes {base} µs of CPU. Over that, µs, median and quartiles of {rounds} rounds:\n\n\
         | filter | request |{columns}\n|---|---|{}\n",
        "---:|".repeat(sizes.len())
    );
    for (name, filter) in [
        ("no filter, once more", Filter::NoneAgain),
        ("SDK, does nothing", Filter::SdkNothing),
        ("SDK, reads headers and identity", Filter::SdkReads),
        ("palisade, no policy", Filter::OnePolicy(Policy::None)),
        ("palisade, one policy with a method", Filter::OnePolicy(Policy::Method)),
        ("palisade, one policy with method and path", Filter::OnePolicy(Policy::MethodAndPath)),
        ("palisade, one policy with a principal", Filter::OnePolicy(Policy::Principal)),
    ] {
        let figure = samples.over(filter, 1, true, Filter::None).map_or_else(String::new, Quartiles::show);
        let _ =
            writeln!(text, "| {name} | passes | {figure} |{}", " |".repeat(sizes.len().saturating_sub(1)));
    }
    for (name, filter) in [("native RBAC, as istiod makes it", Filter::Native), ("palisade", Filter::Ours)] {
        for (request, allowed) in [("last policy, 200", true), ("no policy, 403", false)] {
            let _ = write!(text, "| {name} | {request} |");
            for n in sizes {
                let figure = samples.over(filter, *n, allowed, Filter::None);
                let _ = write!(text, " {} |", figure.map_or_else(String::new, Quartiles::show));
            }
            text.push('\n');
        }
    }
    text + "\n" + &targets(samples, sizes)
}

/// Returns the table of several builds of the filter.
pub(super) fn builds(samples: &Samples, modules: &[PathBuf], rounds: usize) -> String {
    let mut text = format!(
        "µs over no filter, median and quartiles of {rounds} rounds:\n\n\
         | build | no policy | 100 policies, 200 | 100 policies, 403 |\n|---|---:|---:|---:|\n"
    );
    let mut row = |name: &str, filter, columns: &[(usize, bool)]| {
        let _ = write!(text, "| {name} |");
        for (policies, allowed) in columns {
            let figure = samples.over(filter, *policies, *allowed, Filter::None);
            let _ = write!(text, " {} |", figure.map_or_else(String::new, Quartiles::show));
        }
        text.push('\n');
    };
    row("no filter, once more", Filter::NoneAgain, &[(1, true)]);
    for (number, module) in modules.iter().enumerate() {
        let columns = [(0, true), (100, true), (100, false)];
        row(&module.display().to_string(), Filter::Build(number), &columns);
    }
    text
}

/// Returns the tables of the targets.
fn targets(samples: &Samples, sizes: &[usize]) -> String {
    let mut text = String::from("| palisade, last policy | measured, µs | target | |\n|---|---:|---:|---|\n");
    let mut row = |name: String, measured: f64, target: f64| {
        let _ =
            writeln!(text, "| {name} | {measured:.1} | at most {target} | {} |", compare(measured, target));
    };
    for &n in sizes {
        if let Some(over) = samples.over(Filter::Ours, n, true, Filter::None) {
            row(format!("over no filter, N = {n}"), over.median(), 4.5);
        }
        if let Some(over) = samples.over(Filter::Ours, n, true, Filter::SdkReads) {
            row(format!("over the SDK filter that reads the same, N = {n}"), over.median(), 0.5);
        }
    }
    text.push_str("\n| native RBAC divided by palisade | measured | target |\n|---|---:|---|\n");
    for &n in sizes {
        let native = samples.over(Filter::Native, n, true, Filter::None);
        let ours = samples.over(Filter::Ours, n, true, Filter::None);
        if let (Some(native), Some(ours)) = (native, ours) {
            let target = match n {
                1_000 => "at least 25",
                10_000 => "at least 300",
                _ => "",
            };
            let _ = writeln!(text, "| N = {n} | {:.1} | {target} |", native.median() / ours.median());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_computed_within_a_round() {
        let mut samples = Samples::default();
        let add = |samples: &mut Samples, filter, policies, figures: [f64; 3]| {
            for figure in figures {
                samples.add(Measurement { variant: Variant { filter, policies }, allowed: true }, figure);
            }
        };
        add(&mut samples, Filter::None, 1, [10.0, 20.0, 30.0]);
        add(&mut samples, Filter::SdkReads, 1, [13.0, 23.0, 33.0]);
        add(&mut samples, Filter::Native, 1_000, [110.0, 120.0, 130.0]);
        add(&mut samples, Filter::Ours, 1_000, [14.0, 24.0, 34.0]);
        let text = all(&samples, &[1_000], 3);
        assert!(text.contains("takes 20.0 (10.0 to 20.0) µs"), "{text}");
        assert!(text.contains("| palisade | last policy, 200 | 4.0 (4.0 to 4.0) |"), "{text}");
        assert!(text.contains(
            "| over the SDK filter that reads the same, N = 1000 | 1.0 | at most 0.5 | missed by 100 % |"
        ));
        assert!(text.contains("| N = 1000 | 25.0 | at least 25 |"), "{text}");
    }

    #[test]
    fn builds_have_a_row_each() {
        let mut samples = Samples::default();
        for (filter, policies, figure) in
            [(Filter::None, 1, 10.0), (Filter::Build(0), 100, 14.0), (Filter::Build(1), 100, 13.0)]
        {
            samples.add(Measurement { variant: Variant { filter, policies }, allowed: true }, figure);
        }
        let text = builds(&samples, &["a.wasm".into(), "b.wasm".into()], 1);
        assert!(text.contains("| a.wasm |  | 4.0 (4.0 to 4.0) |  |"), "{text}");
        assert!(text.contains("| b.wasm |  | 3.0 (3.0 to 3.0) |  |"), "{text}");
    }

    #[test]
    fn quartiles_of_no_figures_are_none() {
        assert_eq!(Quartiles::new(Vec::new()), None);
        assert_eq!(Quartiles::new(vec![3.0, 1.0, 2.0, 5.0, 4.0]), Some(Quartiles([2.0, 3.0, 4.0])));
    }
}
