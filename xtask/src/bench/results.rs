//! The results that criterion writes, and the file that keeps them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result as Fallible};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of Palisade in the results.
pub(super) const OWN: &str = "palisade";

/// The result of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Result {
    /// The shape of the rules, such as `policies`.
    pub(super) shape: String,
    /// The measured engine.
    pub(super) engine: String,
    /// The kind of requests.
    pub(super) requests: String,
    /// The number of rules.
    pub(super) n: u64,
    /// Nanoseconds in the fastest of criterion's samples: other work on the machine can only make a sample slower.
    pub(super) nanoseconds: f64,
}

impl Result {
    /// Returns the identity of the benchmark: shape, engine, kind of requests and number of rules.
    pub(super) fn id(&self) -> (&str, &str, &str, u64) {
        (&self.shape, &self.engine, &self.requests, self.n)
    }

    /// Whether both results belong to the same benchmark.
    pub(super) fn is_same_benchmark(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

/// Adds `round` to `best`, and keeps the faster of two results of one benchmark.
pub(super) fn keep_fastest(best: &mut Vec<Result>, round: Vec<Result>) {
    for new in round {
        match best.iter_mut().find(|old| old.is_same_benchmark(&new)) {
            Some(old) => old.nanoseconds = old.nanoseconds.min(new.nanoseconds),
            None => best.push(new),
        }
    }
}

/// Sorts `results` and writes them to `file`.
pub(super) fn save(file: &Path, results: &mut [Result]) -> Fallible<()> {
    results.sort_by(|a, b| a.id().cmp(&b.id()));
    fs::write(file, serde_json::to_vec(results)?)
        .with_context(|| format!("cannot write `{}`", file.display()))
}

/// Reads the results in `file`.
pub(super) fn load(file: &Path) -> Fallible<Vec<Result>> {
    let text = fs::read(file).with_context(|| format!("no earlier results: missing `{}`", file.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

/// Returns all results below the directory `folder`.
pub(super) fn read(folder: &Path) -> Fallible<Vec<Result>> {
    let mut results = Vec::new();
    search(folder, &mut results)?;
    Ok(results)
}

fn search(folder: &Path, results: &mut Vec<Result>) -> Fallible<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("no results in `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.ends_with("new") {
            let json =
                |name: &str| -> Fallible<Value> { Ok(serde_json::from_slice(&fs::read(path.join(name))?)?) };
            results.extend(result(&json("benchmark.json")?, &json("sample.json")?));
        } else {
            search(&path, results)?;
        }
    }
    Ok(())
}

fn result(benchmark: &Value, sample: &Value) -> Option<Result> {
    let numbers = |name: &str| Some(sample.get(name)?.as_array()?.iter().filter_map(Value::as_f64));
    let each = numbers("times")?.zip(numbers("iters")?).map(|(time, iterations)| time / iterations);
    let text = |name: &str| benchmark.get(name)?.as_str();
    let (shape, engine) = text("group_id")?.split_once('/')?;
    Some(Result {
        shape: shape.to_owned(),
        engine: engine.to_owned(),
        requests: text("function_id")?.to_owned(),
        n: text("value_str")?.parse().ok()?,
        nanoseconds: each.min_by(f64::total_cmp)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fastest_of_all_rounds_is_saved_and_loaded() {
        let measured = |n, nanoseconds| Result {
            shape: "names".into(),
            engine: "palisade".into(),
            requests: "hit".into(),
            n,
            nanoseconds,
        };
        let mut best = vec![];
        keep_fastest(&mut best, vec![measured(10, 3.0), measured(1, 5.0)]);
        keep_fastest(&mut best, vec![measured(1, 4.0), measured(10, 6.0)]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.json");
        assert!(load(&file).is_err());
        save(&file, &mut best).unwrap();
        assert_eq!(load(&file).unwrap(), [measured(1, 4.0), measured(10, 3.0)]);
    }

    #[test]
    fn fastest_sample_of_a_benchmark_is_its_result() {
        let benchmark =
            json!({"group_id": "policies/cel, N programs", "function_id": "miss", "value_str": "100"});
        let sample = json!({"iters": [2.0, 4.0, 6.0], "times": [30.0, 50.0, 90.0]});
        let result = result(&benchmark, &sample).unwrap();
        assert_eq!((&*result.shape, &*result.engine), ("policies", "cel, N programs"));
        assert_eq!((&*result.requests, result.n, result.nanoseconds), ("miss", 100, 12.5));
    }
}
