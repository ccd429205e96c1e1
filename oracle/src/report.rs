//! The extent and the result of a comparison.

use std::{fmt, path::PathBuf};

/// The extent of a comparison.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of pairs of policies and a request.
    pub pairs: u64,
    /// The seed of the random numbers.
    pub seed: u64,
    /// The number of disagreements that are shrunk; the run ends when it is reached.
    pub shrink: usize,
    /// Whether whole meshes are compared, too.
    pub meshes: bool,
    /// The filter module that runs in meshes in addition to native RBAC.
    pub module: Option<PathBuf>,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Pairs compared.
    pub pairs: u64,
    /// Pairs whose request passed.
    pub passed: u64,
    /// Requests that engine and Envoy both rejected before any policy.
    pub refused: u64,
    /// Pairs over HTTP/2.
    pub http2: u64,
    /// Requests examined for their distance to a match, and those at most one attribute away from one.
    pub near: (u64, u64),
    /// Pairs in whole meshes: certificates, tokens, providers, TCP.
    pub meshes: Counts,
    /// Pairs with different results.
    pub disagreements: u64,
    /// The first disagreements, shrunk, as case files.
    pub shrunk: Vec<String>,
}

/// The pairs in whole meshes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Pairs compared.
    pub pairs: u64,
    /// TCP connections without HTTP.
    pub tcp: u64,
    /// Connections with client certificates.
    pub mtls: u64,
    /// Requests with tokens.
    pub tokens: u64,
    /// Requests that the filter module also decided.
    pub by_filter: u64,
    /// Cases that reach no policy, or that an Envoy on loopback cannot reproduce.
    pub skipped: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sampled, near) = self.near;
        let percent = 100 * near / sampled.max(1);
        writeln!(
            f,
            "{} pairs, {} passed, {} rejected before policies by both, {} over HTTP/2, {} disagreements",
            self.pairs, self.passed, self.refused, self.http2, self.disagreements
        )?;
        if self.meshes.pairs > 0 {
            writeln!(f, "{}", self.meshes)?;
        }
        write!(f, "{percent} % of {sampled} examined requests are at most one attribute away from a match")?;
        for case in &self.shrunk {
            write!(f, "\n\n{case}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of these in whole meshes: {} with certificates, {} with tokens, {} TCP, {} also decided by the filter; {} \
             not comparable",
            self.pairs, self.mtls, self.tokens, self.tcp, self.by_filter, self.skipped
        )
    }
}
