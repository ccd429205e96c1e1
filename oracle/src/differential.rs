//! The comparison: policies in one Envoy with requests near them, and whole meshes.

use crate::{
    case::CaseFile,
    meshes,
    multiplexed_envoy::{MultiplexedEnvoy, PolicyUnderTest, free_port},
    policy::{self, Subjects},
    report::{Plan, Report},
    sample::Sample,
    shrink::shrink,
};
use anyhow::Result;
use palisade_test_support::Random;

/// Routes of one Envoy, each with its own policies.
const ROUTES: usize = 400;

/// Requests to each route.
const REQUESTS: usize = 100;

/// One in this many requests is examined for its distance to a match.
const EXAMINED: usize = 32;

/// Compares the engine with Envoy as `plan` describes.
///
/// # Errors
///
/// Returns an error if Envoy does not start or rejects its configuration.
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

/// Compares many policies in one Envoy, with many requests for each.
fn waypoint(plan: &Plan, random: &mut Random, report: &mut Report) -> Result<()> {
    let port = free_port()?;
    let mut subjects = Vec::with_capacity(ROUTES);
    while subjects.len() < ROUTES {
        subjects.extend(PolicyUnderTest::new(policy::policies(random, port, Subjects::Waypoint)));
    }
    let envoy = MultiplexedEnvoy::start(&subjects.iter().collect::<Vec<_>>(), port)?;
    let mut samples = Vec::new();
    for (route, subject) in subjects.iter().enumerate() {
        for _ in 0..REQUESTS {
            samples.push((route, Sample::near(random, &subject.policies)));
        }
    }
    let requests: Vec<(usize, &Sample)> = samples.iter().map(|(route, sample)| (*route, sample)).collect();
    let observed = envoy.send(&requests)?;
    drop(envoy);
    for (number, ((route, sample), observed)) in samples.iter().zip(observed).enumerate() {
        let subject = &subjects[*route];
        let expected = sample.decide(&subject.set, port);
        report.pairs += 1;
        report.passed += u64::from(observed.status == 200);
        report.refused += u64::from(!matches!(observed.status, 200 | 403));
        report.http2 += u64::from(sample.http2);
        if number % EXAMINED == 0 {
            report.near.0 += 1;
            report.near.1 += u64::from(sample.is_near(&subject.set, port));
        }
        if !subject.agrees(&expected, &observed) {
            report.disagreements += 1;
            if report.shrunk.len() < plan.shrink {
                let (policies, small) = shrink(&subject.policies, sample, port)?;
                let ours = PolicyUnderTest::new(policies.clone()).map(|s| small.decide(&s.set, port));
                let envoy = PolicyUnderTest::new(policies.clone())
                    .map(|s| MultiplexedEnvoy::start(&[&s], port))
                    .transpose()?;
                let theirs = envoy.map(|envoy| envoy.send(&[(0, &small)])).transpose()?.unwrap_or_default();
                let status = theirs.first().map_or(0, |observed| observed.status);
                let file = CaseFile::of_sample(&policies, &small, port, status);
                report.shrunk.push(format!("{file}\n# engine: {ours:?}\n# Envoy: {theirs:?}"));
            }
        }
    }
    Ok(())
}
