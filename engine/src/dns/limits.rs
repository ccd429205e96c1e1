//! How long and how much is kept.

use crate::options::Options;

/// How long and how much a [`super::NameCache`] keeps. Times are in milliseconds; the defaults are the agent's where
/// it has such an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Shortest time to live (`tofqdns-min-ttl`).
    pub min_ttl: u64,
    /// Most addresses of one name for one endpoint whose answers hold after a collection, and most kept addresses of one
    /// name (`tofqdns-endpoint-max-ip-per-hostname`).
    pub max_per_name: usize,
    /// Most expired addresses of one endpoint that live connections keep (`tofqdns-max-deferred-connection-deletes`).
    pub max_deferred: usize,
    /// How long a connection that is over still keeps its address (`tofqdns-idle-connection-grace-period`).
    pub idle_grace: u64,
    /// Time between two collections, which enforce `max_per_name`.
    pub collect_every: u64,
    /// Most pairs of name and address of one endpoint; what an answer has beyond is not learned.
    pub max_per_endpoint: usize,
    /// Most addresses that one endpoint is connected to; a connection beyond keeps nothing.
    pub max_connections: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            min_ttl: 0,
            max_per_name: 1000,
            max_deferred: 10_000,
            idle_grace: 0,
            collect_every: 60_000,
            max_per_endpoint: 65_536,
            max_connections: 65_536,
        }
    }
}

impl From<&Options> for CacheLimits {
    fn from(options: &Options) -> Self {
        Self {
            min_ttl: u64::from(options.cilium.tofqdns_min_ttl) * 1000,
            max_per_name: options.cilium.tofqdns_endpoint_max_ip_per_hostname as usize,
            max_deferred: options.cilium.tofqdns_max_deferred_connection_deletes as usize,
            idle_grace: u64::from(options.cilium.tofqdns_idle_connection_grace_period) * 1000,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_options_are_seconds_and_the_caches_are_milliseconds() {
        let mut options = Options::default();
        options.cilium.tofqdns_min_ttl = 2;
        options.cilium.tofqdns_endpoint_max_ip_per_hostname = 3;
        options.cilium.tofqdns_max_deferred_connection_deletes = 4;
        options.cilium.tofqdns_idle_connection_grace_period = 5;
        let wanted = CacheLimits {
            min_ttl: 2_000,
            max_per_name: 3,
            max_deferred: 4,
            idle_grace: 5_000,
            ..CacheLimits::default()
        };
        assert_eq!(CacheLimits::from(&options), wanted);
        assert_eq!(CacheLimits::from(&Options::default()), CacheLimits::default());
    }
}
