//! The sizes and times that bound a DNS cache.

use crate::options::Options;

/// The limits of a [`DnsCache`](super::DnsCache). Times are in milliseconds. The defaults are those of the agent, if it has
/// the option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// The minimum TTL in milliseconds; a shorter TTL is extended to it (`tofqdns-min-ttl`).
    pub min_ttl: u64,
    /// The maximum number of addresses of one name and endpoint after a collection, and the maximum number of zombies of one
    /// name (`tofqdns-endpoint-max-ip-per-hostname`).
    pub max_per_name: usize,
    /// The maximum number of zombies of one endpoint (`tofqdns-max-deferred-connection-deletes`).
    pub max_deferred: usize,
    /// The time in milliseconds for which an expired address still counts as in use
    /// (`tofqdns-idle-connection-grace-period`).
    pub idle_grace: u64,
    /// The time in milliseconds between two collections, which enforce `max_per_name`.
    pub collect_every: u64,
    /// The maximum number of pairs of name and address of one endpoint; further addresses are not recorded.
    pub max_per_endpoint: usize,
    /// The maximum number of addresses with connections of one endpoint; further connections keep no address.
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
    fn agent_options_in_seconds_become_milliseconds() {
        let mut options = Options::default();
        options.cilium.tofqdns_min_ttl = 2;
        options.cilium.tofqdns_endpoint_max_ip_per_hostname = 3;
        options.cilium.tofqdns_max_deferred_connection_deletes = 4;
        options.cilium.tofqdns_idle_connection_grace_period = 5;
        let expected = CacheLimits {
            min_ttl: 2_000,
            max_per_name: 3,
            max_deferred: 4,
            idle_grace: 5_000,
            ..CacheLimits::default()
        };
        assert_eq!(CacheLimits::from(&options), expected);
        assert_eq!(CacheLimits::from(&Options::default()), CacheLimits::default());
    }
}
