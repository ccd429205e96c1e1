//! What criterion wrote down.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result as Fallible};
use serde_json::Value;

/// One benchmark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Result {
    /// What was compared, such as `policies`.
    pub(super) shape: String,
    /// Who was measured.
    pub(super) engine: String,
    /// Which requests.
    pub(super) requests: String,
    /// How many rules.
    pub(super) n: u64,
    /// Nanoseconds, the median.
    pub(super) nanoseconds: f64,
}

/// All results below `folder`.
pub(super) fn read(folder: &Path) -> Fallible<Vec<Result>> {
    let mut results = Vec::new();
    search(folder, &mut results)?;
    results.sort_by(|a, b| {
        (&a.shape, &a.engine, &a.requests, a.n).cmp(&(&b.shape, &b.engine, &b.requests, b.n))
    });
    Ok(results)
}

fn search(folder: &Path, results: &mut Vec<Result>) -> Fallible<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("nothing was measured in `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.ends_with("new") {
            let json =
                |name: &str| -> Fallible<Value> { Ok(serde_json::from_slice(&fs::read(path.join(name))?)?) };
            results.extend(result(&json("benchmark.json")?, &json("estimates.json")?));
        } else {
            search(&path, results)?;
        }
    }
    Ok(())
}

fn result(benchmark: &Value, estimates: &Value) -> Option<Result> {
    let text = |name: &str| benchmark.get(name)?.as_str();
    let (shape, engine) = text("group_id")?.split_once('/')?;
    Some(Result {
        shape: shape.to_owned(),
        engine: engine.to_owned(),
        requests: text("function_id")?.to_owned(),
        n: text("value_str")?.parse().ok()?,
        nanoseconds: estimates.pointer("/median/point_estimate")?.as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_benchmark_is_read() {
        let benchmark =
            json!({"group_id": "policies/cel, N programs", "function_id": "miss", "value_str": "100"});
        let estimates = json!({"median": {"point_estimate": 12.5}});
        let result = result(&benchmark, &estimates).unwrap();
        assert_eq!((&*result.shape, &*result.engine), ("policies", "cel, N programs"));
        assert_eq!((&*result.requests, result.n, result.nanoseconds), ("miss", 100, 12.5));
    }
}
