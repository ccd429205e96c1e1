//! What was measured, as Markdown: medians and quartiles of differences within one round.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::summary::reached;
use super::variant::{Asks, Filter, Variant};

/// Who was asked, and whether for something that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) variant: Variant,
    pub(super) allowed: bool,
}

/// Microseconds a request, a figure for each round.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<Question, Vec<f64>>);

/// The quartiles of some figures.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quartiles([f64; 3]);

impl Samples {
    pub(super) fn add(&mut self, question: Question, microseconds: f64) {
        self.0.entry(question).or_default().push(microseconds);
    }

    fn of(&self, filter: Filter, policies: usize, allowed: bool) -> &[f64] {
        let question = Question { variant: Variant { filter, policies }, allowed };
        self.0.get(&question).map(Vec::as_slice).unwrap_or_default()
    }

    /// How much more than `base` this takes, round by round.
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

    /// Median and quartiles.
    fn show(self) -> String {
        let [low, median, high] = self.0;
        let places = if median.abs() < 100.0 { 1 } else { 0 };
        format!("{median:.places$} ({low:.places$} to {high:.places$})")
    }
}

/// The tables.
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
        ("palisade, no policy", Filter::Asks(Asks::Nothing)),
        ("palisade, one that asks for the method", Filter::Asks(Asks::Method)),
        ("palisade, one that asks for method and path", Filter::Asks(Asks::MethodAndPath)),
        ("palisade, one that asks for the principal", Filter::Asks(Asks::Principal)),
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
    text + "\n" + &wanted(samples, sizes)
}

/// Builds of our filter beside each other.
pub(super) fn builds(samples: &Samples, modules: &[PathBuf], rounds: usize) -> String {
    let mut text = format!(
        "µs over no filter, median and quartiles of {rounds} rounds:\n\n\
         | build | no policy | 100 policies, 200 | 100 policies, 403 |\n|---|---:|---:|---:|\n"
    );
    let mut row = |name: &str, filter, asked: &[(usize, bool)]| {
        let _ = write!(text, "| {name} |");
        for (policies, allowed) in asked {
            let figure = samples.over(filter, *policies, *allowed, Filter::None);
            let _ = write!(text, " {} |", figure.map_or_else(String::new, Quartiles::show));
        }
        text.push('\n');
    };
    row("no filter, once more", Filter::NoneAgain, &[(1, true)]);
    for (number, module) in modules.iter().enumerate() {
        let asked = [(0, true), (100, true), (100, false)];
        row(&module.display().to_string(), Filter::Build(number), &asked);
    }
    text
}

/// What is wanted of our filter.
fn wanted(samples: &Samples, sizes: &[usize]) -> String {
    let mut text = String::from("| palisade, last policy | µs | wanted | |\n|---|---:|---:|---|\n");
    let mut row = |name: String, is: f64, at_most: f64| {
        let _ = writeln!(text, "| {name} | {is:.1} | at most {at_most} | {} |", reached(is, at_most));
    };
    for &n in sizes {
        if let Some(over) = samples.over(Filter::Ours, n, true, Filter::None) {
            row(format!("over no filter, N = {n}"), over.median(), 4.5);
        }
        if let Some(over) = samples.over(Filter::Ours, n, true, Filter::SdkReads) {
            row(format!("over the SDK's that reads the same, N = {n}"), over.median(), 0.5);
        }
    }
    text.push_str("\n| native RBAC by palisade | times | wanted |\n|---|---:|---|\n");
    for &n in sizes {
        let native = samples.over(Filter::Native, n, true, Filter::None);
        let ours = samples.over(Filter::Ours, n, true, Filter::None);
        if let (Some(native), Some(ours)) = (native, ours) {
            let wanted = match n {
                1_000 => "at least 25",
                10_000 => "at least 300",
                _ => "",
            };
            let _ = writeln!(text, "| N = {n} | {:.1} | {wanted} |", native.median() / ours.median());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_taken_within_a_round() {
        let mut samples = Samples::default();
        let add = |samples: &mut Samples, filter, policies, figures: [f64; 3]| {
            for figure in figures {
                samples.add(Question { variant: Variant { filter, policies }, allowed: true }, figure);
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
            "| over the SDK's that reads the same, N = 1000 | 1.0 | at most 0.5 | missed by 100 % |"
        ));
        assert!(text.contains("| N = 1000 | 25.0 | at least 25 |"), "{text}");
    }

    #[test]
    fn builds_stand_beside_each_other() {
        let mut samples = Samples::default();
        for (filter, policies, figure) in
            [(Filter::None, 1, 10.0), (Filter::Build(0), 100, 14.0), (Filter::Build(1), 100, 13.0)]
        {
            samples.add(Question { variant: Variant { filter, policies }, allowed: true }, figure);
        }
        let text = builds(&samples, &["a.wasm".into(), "b.wasm".into()], 1);
        assert!(text.contains("| a.wasm |  | 4.0 (4.0 to 4.0) |  |"), "{text}");
        assert!(text.contains("| b.wasm |  | 3.0 (3.0 to 3.0) |  |"), "{text}");
    }

    #[test]
    fn no_figures_have_no_quartiles() {
        assert_eq!(Quartiles::new(Vec::new()), None);
        assert_eq!(Quartiles::new(vec![3.0, 1.0, 2.0, 5.0, 4.0]), Some(Quartiles([2.0, 3.0, 4.0])));
    }
}
