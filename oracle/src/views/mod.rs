//! Comparison of the requests that policies evaluate in the engine and in a real Envoy: on sidecars, gateways and a
//! waypoint, with every path normalization, and with settings of the mesh and of the pod.
//!
//! Two Lua filters record every header, the client's address and the claims of the accepted token: one at the position of
//! CUSTOM policies, the other at that of DENY and ALLOW policies. The engine returns the same data from
//! [`Simulation::mesh_request`](palisade::flow::Simulation::mesh_request).
//!
//! Not compared:
//!
//! - a body that contradicts the `content-length` of HTTP/2 or HTTP/3: policies evaluate the request, then the stream is
//!   reset and its answer is lost;
//! - HEAD over HTTP/3, because the client rejects a length in the answer;
//! - `capsule-protocol` over HTTP/3, because Envoy sends only capsules in the answer;
//! - Istio's metadata exchange, which Envoy's own builds do not contain;
//! - the tunnel (HBONE) to a waypoint: here, the client starts with the inner TLS handshake;
//! - a client's IPv6 address, the profile `strict`, and other versions of Envoy.

mod exchange;
mod probe;
mod progress;
mod proxies;
mod report;
mod settings;
mod view;

use anyhow::{Context, Result};
use palisade::flow::{HttpVersion, Simulation};
use palisade_test_support::Random;
use probe::Probe;
use progress::Progress;
use proxies::Proxies;
pub use report::Report;

/// Requests that are sent before the first answer is compared.
const BATCH: u64 = 8_000;

/// Compares the views of `pairs` random requests. Shrinks the first `shrink` disagreements, and writes each to standard error
/// at once. A long run also writes its progress there.
///
/// # Errors
///
/// Returns an error if Envoy does not start, rejects its configuration or ends. The error contains the seed and the number
/// of compared pairs.
pub fn run(pairs: u64, seed: u64, shrink: usize) -> Result<Report> {
    let mut report = Report::default();
    let mut progress = Progress::new(pairs, seed);
    // Another process may have taken a port before Envoy opens it.
    let proxies = Proxies::start().or_else(|_| Proxies::start())?;
    match compare(&proxies, pairs, seed, shrink, &mut report, &mut progress) {
        Ok(()) => Ok(report),
        Err(error) => Err(error.context(progress.stopped(&report))),
    }
}

fn compare(
    proxies: &Proxies,
    pairs: u64,
    seed: u64,
    shrink: usize,
    report: &mut Report,
    progress: &mut Progress,
) -> Result<()> {
    let mut random = Random::new(seed);
    let simulations = proxies.simulations();
    while report.pairs < pairs {
        let size = BATCH.min(pairs - report.pairs);
        let probes: Vec<Probe> = (0..size).map(|_| proxies.probe(&mut random)).collect();
        let ours =
            probes.iter().map(|probe| proxies.predict(&simulations, probe)).collect::<Result<Vec<_>>>()?;
        let theirs = proxies.observe(&probes, &ours)?;
        for ((probe, ours), theirs) in probes.iter().zip(&ours).zip(&theirs) {
            report.pairs += 1;
            report.rejected += u64::from(ours.is_rejected());
            report.http2 += u64::from(probe.request.version == HttpVersion::Http2);
            report.http3 += u64::from(probe.request.version == HttpVersion::Http3);
            report.accepted += u64::from(ours.has_token());
            if ours != theirs {
                report.disagreements += 1;
                if report.shrunk.len() < shrink {
                    let text = smallest(proxies, &simulations, probe)?;
                    progress.disagreement(report, &text);
                    report.shrunk.push(text);
                }
            }
        }
        progress.report(report);
    }
    Ok(())
}

/// Returns the smallest request whose views differ.
fn smallest(proxies: &Proxies, simulations: &[Simulation], probe: &Probe) -> Result<String> {
    let views = |probe: &Probe| {
        let ours = proxies.predict(simulations, probe)?;
        let theirs = proxies.observe(std::slice::from_ref(probe), std::slice::from_ref(&ours))?;
        Ok::<_, anyhow::Error>((ours, theirs.into_iter().next().context("one answer")?))
    };
    let mut probe = probe.clone();
    'smaller: loop {
        for smaller in probe.smaller() {
            let (ours, theirs) = views(&smaller)?;
            if ours != theirs {
                probe = smaller;
                continue 'smaller;
            }
        }
        break;
    }
    let (ours, theirs) = views(&probe)?;
    Ok(proxies.readable(format!("{probe}\nengine: {ours}\nEnvoy:  {theirs}"), &probe))
}
