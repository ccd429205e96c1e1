//! Applies events to the history of the nodes: time, connections and DNS lookups.

use super::{
    dns_types::DnsRequest,
    explanation::FlowError,
    history::History,
    lookup::DNS_PORT,
    simulation::Simulation,
    types::{Event, Lookup},
};
use crate::{
    dns::{CacheLimits, DnsAnswer},
    lower::cilium::name::canonical,
    net::Protocol,
};
use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::net::IpAddr;

impl Simulation {
    /// Applies `event` to `history`. Returns the addresses whose names in a DNS cache can have changed.
    ///
    /// # Errors
    ///
    /// The event names an endpoint that is not in the cluster.
    pub fn apply(&self, history: &mut History, event: &Event) -> Result<Vec<IpAddr>, FlowError> {
        let limits = CacheLimits::from(self.options());
        let now = history.now;
        Ok(match event {
            Event::Wait(time) => history.wait(*time),
            Event::WaitUntil(time) => history.wait_until(*time),
            Event::Connect { from, to } => {
                history.cache_mut(&self.node_name(from)?, limits).connect(from, to.to_canonical());
                Vec::new()
            }
            Event::Close { from, to } => {
                history.cache_mut(&self.node_name(from)?, limits).close(from, to.to_canonical(), now)
            }
            Event::Dns(lookup) => {
                self.apply_lookup(history, lookup)?;
                lookup.answers.iter().map(IpAddr::to_canonical).collect()
            }
        })
    }

    /// Adds the answer of `lookup` to the DNS cache, if the DNS proxy observes the lookup or the event requires it.
    fn apply_lookup(&self, history: &mut History, lookup: &Lookup) -> Result<(), FlowError> {
        let answer = DnsAnswer {
            name: canonical(&lookup.query).into(),
            addresses: lookup.answers.clone(),
            ttl: lookup.ttl,
        };
        if lookup.learned {
            let client = lookup.from.as_deref().unwrap_or_default();
            for node in self.nodes_of(lookup.from.as_deref())? {
                self.record_answer(history, &node, client, &answer);
            }
            return Ok(());
        }
        let Some(from) = &lookup.from else { return Ok(()) };
        let (server, port) = lookup.server.clone().unzip();
        let request = DnsRequest {
            from: from.clone(),
            server,
            port: port.unwrap_or(DNS_PORT),
            protocol: Protocol::Udp,
            questions: Vec::from([lookup.query.clone()]),
        };
        // An unknown client or server is an error, also if the answer has an error code.
        self.resolve_server(&request)?;
        if lookup.rcode.as_deref().is_none_or(|code| code.eq_ignore_ascii_case("NOERROR")) {
            self.observe_response(history, &request, &answer)?;
        }
        Ok(())
    }

    /// Returns the node of `client`; without a client, all nodes.
    fn nodes_of(&self, client: Option<&str>) -> Result<BTreeSet<String>, FlowError> {
        match client {
            Some(client) => Ok([self.node_name(client)?].into()),
            None => Ok(self.cluster().workloads().map(|w| w.node.clone()).chain([String::new()]).collect()),
        }
    }
}
