//! The results of `dnsperf` and their table.

use core::fmt::Write;

use anyhow::{Context, Result, ensure};

/// The lookups of one measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Throughput {
    completed: u32,
    lost: u32,
    per_second: f64,
}

/// Reads the summary of `dnsperf`.
pub(super) fn throughput(output: &str) -> Result<Throughput> {
    let field = |name: &str| -> Result<&str> {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next())
            .with_context(|| format!("no `{name}` in {output}"))
    };
    Ok(Throughput {
        completed: field("Queries completed:")?.parse()?,
        lost: field("Queries lost:")?.parse()?,
        per_second: field("Queries per second:")?.parse()?,
    })
}

/// All measurements of one forwarder at full speed.
#[derive(Debug, Default)]
pub(super) struct Samples {
    per_second: Vec<f64>,
    /// CPU time of each lookup in microseconds.
    cpu: Vec<f64>,
    lost: u32,
}

impl Samples {
    /// Adds a measurement that took `nanoseconds` of CPU time.
    pub(super) fn add(&mut self, found: Throughput, nanoseconds: u64) {
        self.per_second.push(found.per_second);
        self.cpu.push(nanoseconds as f64 / 1000.0 / f64::from(found.completed.max(1)));
        self.lost = self.lost.saturating_add(found.lost);
    }

    pub(super) fn last(&self) -> String {
        let last = |list: &[f64]| list.last().copied().unwrap_or_default();
        format!("{:.0}/s, {:.1} us of CPU each", last(&self.per_second), last(&self.cpu))
    }

    /// Returns a third of the median rate.
    pub(super) fn third(&self) -> u32 {
        (median(&self.per_second) / 3.0) as u32
    }
}

/// The 50th and 99th percentile of the lookup times of each round at a fixed rate, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Latencies {
    pub(super) fn add(&mut self, output: &str) -> Result<()> {
        let lookups = output.lines().filter(|line| line.starts_with("> "));
        let seconds = lookups.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        let mut milliseconds: Vec<f64> = seconds.map(|seconds| seconds * 1000.0).collect();
        ensure!(!milliseconds.is_empty(), "dnsperf printed no lookup time");
        milliseconds.sort_by(f64::total_cmp);
        let percentile = |percent: usize| {
            let at = (milliseconds.len() * percent / 100).min(milliseconds.len() - 1);
            milliseconds.get(at).copied().unwrap_or_default()
        };
        self.p50.push(percentile(50));
        self.p99.push(percentile(99));
        Ok(())
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Returns the table of medians, and the quotient of the rates in each round.
pub(super) fn table(
    names: [&str; 2],
    samples: &[Samples; 2],
    rate: u32,
    latencies: &[Latencies; 2],
) -> String {
    let mut text = format!(
        "| forwarder | lookups per second | lost | CPU per lookup, us | p50 at {rate}/s, ms | p99 at {rate}/s, ms |\n\
         |---|---|---|---|---|---|\n"
    );
    for ((name, samples), latencies) in names.iter().zip(samples).zip(latencies) {
        let (per_second, cpu) = (median(&samples.per_second), median(&samples.cpu));
        let (p50, p99) = (median(&latencies.p50), median(&latencies.p99));
        let row = format!("| {name} | {per_second:.0} | {} | {cpu:.1} | {p50:.2} | {p99:.2} |", samples.lost);
        text.push_str(&row);
        text.push('\n');
    }
    let [ours, theirs] = samples;
    let ratios: Vec<f64> =
        ours.per_second.iter().zip(&theirs.per_second).map(|(ours, theirs)| ours / theirs).collect();
    let all: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let _ = write!(
        text,
        "\nlookups per second, {} divided by {}: median {:.2} (rounds: {})",
        names[0],
        names[1],
        median(&ratios),
        all.join(", ")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_dnsperf_is_parsed() {
        let output = "Statistics:\n\n  Queries sent:         10\n  Queries completed:    9 (90.00%)\n  \
                      Queries lost:         1 (10.00%)\n\n  Queries per second:   4.500000\n";
        let found = Throughput { completed: 9, lost: 1, per_second: 4.5 };
        assert_eq!(throughput(output).unwrap(), found);
        assert!(throughput("nothing").is_err());
    }

    #[test]
    fn percentiles_are_taken_over_lookups() {
        let lines: String = (1..=100).map(|n| format!("> NOERROR n{n}.example.com A 0.{n:06}\n")).collect();
        let mut latencies = Latencies::default();
        latencies.add(&lines).unwrap();
        assert_eq!((latencies.p50[0], latencies.p99[0]), (0.051, 0.1));
        assert!(latencies.add("[Status] nothing").is_err());
    }
}
