//! The result of a comparison of views.

use std::fmt;

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests compared.
    pub pairs: u64,
    /// Requests that the proxy rejects before policies.
    pub rejected: u64,
    /// Requests over HTTP/2.
    pub http2: u64,
    /// Requests over HTTP/3.
    pub http3: u64,
    /// Requests with an accepted token.
    pub accepted: u64,
    /// Requests whose views differ.
    pub disagreements: u64,
    /// The first disagreements, shrunk.
    pub shrunk: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} views compared, {} rejected by the proxy, {} over HTTP/2, {} over HTTP/3, {} with an accepted token, \
             {} disagreements",
            self.pairs, self.rejected, self.http2, self.http3, self.accepted, self.disagreements
        )?;
        for text in &self.shrunk {
            write!(f, "\n\n{text}")?;
        }
        Ok(())
    }
}
