//! The run: fleets of policies, requests near them, statuses compared.

use crate::{
    fleet::{Fleet, Subject, free_port},
    policy,
    random::Random,
    request::Attempt,
    shrink::shrink,
};
use anyhow::Result;
use serde_json::json;
use std::fmt;

/// Policies to one Envoy, and requests to each of them.
const ROUTES: usize = 400;
const REQUESTS: usize = 100;

/// How much is compared.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Pairs of policies and request.
    pub pairs: u64,
    /// Where the random numbers start.
    pub seed: u64,
    /// Disagreements that are shrunk before the run gives up.
    pub shrink: usize,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Pairs compared.
    pub pairs: u64,
    /// Of those, requests that passed.
    pub passed: u64,
    /// Requests refused before any policy.
    pub refused: u64,
    /// Pairs on which the two disagree.
    pub disagreements: u64,
    /// The first of them, shrunk, as manifests and request.
    pub shrunk: Vec<String>,
}

/// Compares `plan.pairs` pairs.
///
/// # Errors
///
/// Envoy cannot be run or refuses its configuration.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::default();
    let mut random = Random::new(plan.seed);
    while report.pairs < plan.pairs {
        let port = free_port()?;
        let mut subjects = Vec::with_capacity(ROUTES);
        while subjects.len() < ROUTES {
            subjects.extend(Subject::new(policy::policies(&mut random, port)));
        }
        let fleet = Fleet::start(&subjects.iter().collect::<Vec<_>>(), port)?;
        let (mut attempts, mut wires) = (Vec::new(), Vec::new());
        for (route, subject) in subjects.iter().enumerate() {
            for _ in 0..REQUESTS {
                let attempt = Attempt::near(&mut random, &subject.policies);
                let foreseen = attempt.decide(&subject.set, port);
                // The codec closes the connection on these: `http::admit` has its own tables.
                if foreseen == 400 {
                    report.refused += 1;
                    continue;
                }
                wires.push(attempt.wire(route));
                attempts.push((route, attempt, foreseen));
            }
        }
        let seen = fleet.ask(&wires)?;
        drop(fleet);
        for ((route, attempt, foreseen), seen) in attempts.iter().zip(seen) {
            report.pairs += 1;
            report.passed += u64::from(seen == 200);
            if seen != *foreseen {
                report.disagreements += 1;
                if report.shrunk.len() < plan.shrink {
                    let (policies, small) = shrink(&subjects[*route].policies, attempt, port)?;
                    let ours = Subject::new(policies.clone()).map(|s| small.decide(&s.set, port));
                    report.shrunk.push(case(&policies, &small, ours, port));
                }
            }
        }
        if report.shrunk.len() >= plan.shrink && report.disagreements > 0 {
            break;
        }
    }
    Ok(report)
}

fn case(policies: &[serde_json::Value], attempt: &Attempt, ours: Option<u16>, port: u16) -> String {
    let policies: Vec<String> = policies.iter().map(|p| format!("  {}", p["spec"])).collect();
    let request = json!({
        "method": attempt.method, "target": attempt.target, "host": attempt.host,
        "headers": attempt.headers, "principal": attempt.identity, "jwt": attempt.claims,
        "metadata": attempt.metadata, "port": port,
    });
    format!("policies:\n{}\nrequest: {request}\nours: {ours:?}", policies.join("\n"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pairs, {} passed, {} refused before policy and not sent, {} disagreements",
            self.pairs, self.passed, self.refused, self.disagreements
        )?;
        for case in &self.shrunk {
            write!(f, "\n\n{case}")?;
        }
        Ok(())
    }
}
