//! The TCP filter chain: network filters, then a proxy to a port of this machine, or an echo.

use serde_json::{Value, json};

use super::types::TYPES;

/// A TCP filter chain.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Network filters before the end of the chain, in order.
    pub filters: Vec<Value>,
    /// The end of the chain.
    pub target: TcpTarget,
}

/// The end of a TCP filter chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpTarget {
    /// A proxy to this port of 127.0.0.1.
    Upstream(u16),
    /// Envoy sends every byte back to the client.
    Echo,
}

impl Tcp {
    /// Returns a proxy to this port of 127.0.0.1, without filters.
    #[must_use]
    pub fn to(upstream: u16) -> Self {
        Self { filters: Vec::new(), target: TcpTarget::Upstream(upstream) }
    }

    /// Returns an echo after these filters.
    #[must_use]
    pub fn echo(filters: Vec<Value>) -> Self {
        Self { filters, target: TcpTarget::Echo }
    }

    pub(super) fn network_filters(&self, name: &str) -> Vec<Value> {
        let mut filters = self.filters.clone();
        filters.push(match self.target {
            TcpTarget::Upstream(_) => json!({
                "name": "envoy.filters.network.tcp_proxy",
                "typed_config": {
                    "@type": format!("{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy"),
                    "stat_prefix": name,
                    "cluster": name,
                },
            }),
            TcpTarget::Echo => json!({
                "name": "envoy.filters.network.echo",
                "typed_config": {"@type": format!("{TYPES}.extensions.filters.network.echo.v3.Echo")},
            }),
        });
        filters
    }

    pub(super) fn cluster(&self, name: &str) -> Option<Value> {
        let TcpTarget::Upstream(port) = self.target else { return None };
        Some(super::upstream::cluster(name, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_proxy_is_the_last_filter_and_names_its_cluster() {
        let tcp = Tcp { filters: vec![json!({"name": "mine"})], target: TcpTarget::Upstream(7) };
        let filters = tcp.network_filters("a");
        assert_eq!(filters[0]["name"], "mine");
        assert_eq!(filters[1]["typed_config"]["cluster"], tcp.cluster("a").unwrap()["name"]);
    }

    #[test]
    fn echo_needs_no_cluster() {
        let tcp = Tcp::echo(Vec::new());
        assert_eq!(tcp.network_filters("a")[0]["name"], "envoy.filters.network.echo");
        assert_eq!(tcp.cluster("a"), None);
    }
}
