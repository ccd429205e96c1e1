//! The run: fleets of policies, requests near them, answers compared; and beside them whole meshes.

use crate::{
    case::CaseFile,
    fleet::{Fleet, Subject, free_port},
    meshes,
    policy::{self, Subjects},
    random::Random,
    request::Attempt,
    shrink::shrink,
};
use anyhow::Result;
use std::{fmt, path::PathBuf};

/// Policies to one Envoy, and requests to each of them.
const ROUTES: usize = 400;
const REQUESTS: usize = 100;

/// Of how many requests one is looked at more closely, for how near it is to a match.
const SAMPLE: usize = 32;

/// How much is compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Pairs of policies and request.
    pub pairs: u64,
    /// Where the random numbers start.
    pub seed: u64,
    /// Disagreements that are shrunk before the run gives up.
    pub shrink: usize,
    /// Whether whole meshes are compared, too.
    pub meshes: bool,
    /// The module that ships, to be asked beside native RBAC in meshes.
    pub module: Option<PathBuf>,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Pairs compared.
    pub pairs: u64,
    /// Of those, requests that passed.
    pub passed: u64,
    /// Requests refused before any policy, by both.
    pub refused: u64,
    /// Pairs over HTTP/2.
    pub http2: u64,
    /// Requests looked at more closely, and those of them at most one attribute away from a match.
    pub near: (u64, u64),
    /// Pairs in whole meshes: certificates, tokens, providers, TCP.
    pub meshes: meshes::Counts,
    /// Pairs on which the two disagree.
    pub disagreements: u64,
    /// The first of them, shrunk, as case files.
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
        waypoint(plan, &mut random, &mut report)?;
        if plan.meshes {
            meshes::compare(plan, &mut random, &mut report)?;
        }
        if report.shrunk.len() >= plan.shrink && report.disagreements > 0 {
            break;
        }
    }
    Ok(report)
}

/// One Envoy with many policies, each asked many times.
fn waypoint(plan: &Plan, random: &mut Random, report: &mut Report) -> Result<()> {
    let port = free_port()?;
    let mut subjects = Vec::with_capacity(ROUTES);
    while subjects.len() < ROUTES {
        subjects.extend(Subject::new(policy::policies(random, port, Subjects::Waypoint)));
    }
    let fleet = Fleet::start(&subjects.iter().collect::<Vec<_>>(), port)?;
    let mut attempts = Vec::new();
    for (route, subject) in subjects.iter().enumerate() {
        for _ in 0..REQUESTS {
            attempts.push((route, Attempt::near(random, &subject.policies)));
        }
    }
    let asked: Vec<(usize, &Attempt)> = attempts.iter().map(|(route, attempt)| (*route, attempt)).collect();
    let seen = fleet.ask(&asked)?;
    drop(fleet);
    for (number, ((route, attempt), seen)) in attempts.iter().zip(seen).enumerate() {
        let subject = &subjects[*route];
        let foreseen = attempt.decide(&subject.set, port);
        report.pairs += 1;
        report.passed += u64::from(seen.status == 200);
        report.refused += u64::from(!matches!(seen.status, 200 | 403));
        report.http2 += u64::from(attempt.http2);
        if number % SAMPLE == 0 {
            report.near.0 += 1;
            report.near.1 += u64::from(attempt.is_near(&subject.set, port));
        }
        if !subject.agrees(&foreseen, &seen) {
            report.disagreements += 1;
            if report.shrunk.len() < plan.shrink {
                let (policies, small) = shrink(&subject.policies, attempt, port)?;
                let ours = Subject::new(policies.clone()).map(|s| small.decide(&s.set, port));
                let fleet = Subject::new(policies.clone()).map(|s| Fleet::start(&[&s], port)).transpose()?;
                let theirs = fleet.map(|f| f.ask(&[(0, &small)])).transpose()?.unwrap_or_default();
                let status = theirs.first().map_or(0, |seen| seen.status);
                let file = CaseFile::of_attempt(&policies, &small, port, status);
                report.shrunk.push(format!("{file}\n# ours: {ours:?}\n# Envoy's: {theirs:?}"));
            }
        }
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sampled, near) = self.near;
        let percent = 100 * near / sampled.max(1);
        writeln!(
            f,
            "{} pairs, {} passed, {} refused before policy by both, {} over HTTP/2, {} disagreements",
            self.pairs, self.passed, self.refused, self.http2, self.disagreements
        )?;
        if self.meshes.pairs > 0 {
            writeln!(f, "{}", self.meshes)?;
        }
        write!(f, "{percent} % of {sampled} requests looked at are at most one attribute away from a match")?;
        for case in &self.shrunk {
            write!(f, "\n\n{case}")?;
        }
        Ok(())
    }
}
