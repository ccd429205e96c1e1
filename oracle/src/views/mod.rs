//! What policies see of a request: the engine's view compared with that of a real Envoy, on sidecars, gateways and a
//! waypoint, with every path normalization, and with settings of the mesh and of the pod.
//!
//! Two Lua filters record every header, the client's address and the claims of the accepted token: one stands where
//! CUSTOM policies are evaluated, the other where DENY and ALLOW policies are. The engine gives the same views through
//! [`Simulation::mesh_request`](palisade::flow::Simulation::mesh_request).
//!
//! Not compared:
//!
//! - a body that contradicts the `content-length` of HTTP/2 or HTTP/3: policies see the request, then the stream is reset
//!   and its answer is lost;
//! - HEAD over HTTP/3, because the client refuses a length in the answer;
//! - `capsule-protocol` over HTTP/3, because Envoy sends only capsules in the answer;
//! - Istio's metadata exchange, which a stock Envoy does not have;
//! - the tunnel (HBONE) to a waypoint: its inner connection begins at the TLS handshake here;
//! - a client's IPv6 address, the profile `strict`, and other versions of Envoy.

mod exchange;
mod probe;
mod progress;
mod proxies;
mod seen;
mod settings;

use crate::random::Random;
use anyhow::{Context, Result};
use palisade::flow::{HttpVersion, Simulation};
use probe::Probe;
use progress::Progress;
use proxies::Proxies;
use std::fmt;

/// Requests that are sent before the first answer is compared.
const BATCH: u64 = 8_000;

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests compared.
    pub pairs: u64,
    /// Of those, requests that the proxy refuses.
    pub refused: u64,
    /// Requests over HTTP/2.
    pub http2: u64,
    /// Requests over HTTP/3.
    pub http3: u64,
    /// Requests with an accepted token.
    pub accepted: u64,
    /// Requests of which the views differ.
    pub disagreements: u64,
    /// The first of them, shrunk.
    pub shrunk: Vec<String>,
}

/// Compares the views of `pairs` random requests. Shrinks the first `shrink` disagreements, and writes each to standard error
/// at once. A long run also writes its progress there.
///
/// # Errors
///
/// Envoy cannot be run, rejects its configuration or ends. The error names the seed and the number of pairs compared.
pub fn run(pairs: u64, seed: u64, shrink: usize) -> Result<Report> {
    let mut report = Report::default();
    let mut progress = Progress::new(pairs, seed);
    // A port that was free may be taken by the time that Envoy opens it.
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
        let theirs = proxies.ask(&probes, &ours)?;
        for ((probe, ours), theirs) in probes.iter().zip(&ours).zip(&theirs) {
            report.pairs += 1;
            report.refused += u64::from(ours.is_refused());
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

/// The smallest request of which the views still differ.
fn smallest(proxies: &Proxies, simulations: &[Simulation<'_>], probe: &Probe) -> Result<String> {
    let views = |probe: &Probe| {
        let ours = proxies.predict(simulations, probe)?;
        let theirs = proxies.ask(std::slice::from_ref(probe), std::slice::from_ref(&ours))?;
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} views compared, {} refused by the proxy, {} over HTTP/2, {} over HTTP/3, {} with an accepted token, \
             {} disagreements",
            self.pairs, self.refused, self.http2, self.http3, self.accepted, self.disagreements
        )?;
        for text in &self.shrunk {
            write!(f, "\n\n{text}")?;
        }
        Ok(())
    }
}
