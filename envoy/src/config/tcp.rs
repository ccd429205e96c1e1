//! The TCP chain: network filters, then a proxy to a port of this machine.

use serde_json::{Value, json};

use super::{TYPES, loopback};

/// A TCP chain.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Network filters before the proxy, in order.
    pub filters: Vec<Value>,
    /// The upstream's port on 127.0.0.1.
    pub upstream: u16,
}

impl Tcp {
    /// A proxy to this port of 127.0.0.1, without filters.
    #[must_use]
    pub fn to(upstream: u16) -> Self {
        Self { filters: Vec::new(), upstream }
    }

    pub(super) fn network_filters(&self, name: &str) -> Vec<Value> {
        let mut filters = self.filters.clone();
        filters.push(json!({
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type": format!("{TYPES}.extensions.filters.network.tcp_proxy.v3.TcpProxy"),
                "stat_prefix": name,
                "cluster": name,
            },
        }));
        filters
    }

    pub(super) fn cluster(&self, name: &str) -> Value {
        json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "5s",
            "load_assignment": {"cluster_name": name, "endpoints": [{
                "lb_endpoints": [{"endpoint": {"address": loopback(self.upstream)}}],
            }]},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_comes_last_and_names_its_cluster() {
        let tcp = Tcp { filters: vec![json!({"name": "mine"})], upstream: 7 };
        let filters = tcp.network_filters("a");
        assert_eq!(filters[0]["name"], "mine");
        assert_eq!(filters[1]["typed_config"]["cluster"], tcp.cluster("a")["name"]);
    }
}
