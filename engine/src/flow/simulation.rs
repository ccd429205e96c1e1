//! Decides flows by all layers.

use super::{
    connection::{MeshConnection, MeshDestination},
    endpoint::Resolver,
    evaluation::{self, Evaluation, NoTraces, Observer, Traces},
    exchange::Exchange,
    explanation::{FlowError, FlowExplanation},
    history::History,
    mesh::MeshEvaluator,
    mesh_policies::MeshPolicies,
    mesh_request::MeshRequest,
    network::NetworkEvaluator,
    network_policies::NetworkPolicies,
    types::{EndpointRef, Flow, FlowDecision},
};
use crate::{
    cluster::{Cluster, Workload},
    http,
    network::Direction,
    options::Options,
};
use alloc::sync::Arc;

/// Decides the flows of a cluster under one set of options.
///
/// It compiles the policies of a workload on first use, and keeps them. Threads can share a simulation.
///
/// ```
/// use palisade::{Options, Policies, Verdict, flow::{Flow, History}};
///
/// let mut policies = Policies::default();
/// for name in ["sleep", "sample"] {
///     let metadata = serde_json::json!({"name": name, "namespace": "foo"});
///     policies.add_json(serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata}))?;
/// }
/// let simulation = policies.validate(&Options::default())?.simulation();
/// let decide = || simulation.decide(&Flow::new("foo/sleep", "foo/sample", 80), &History::default());
/// std::thread::scope(|threads| {
///     for thread in [threads.spawn(decide), threads.spawn(decide)] {
///         assert_eq!(thread.join().unwrap().unwrap().verdict, Verdict::Allow);
///     }
/// });
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Simulation {
    cluster: Arc<Cluster>,
    options: Options,
    network: NetworkPolicies,
    mesh: MeshPolicies,
}

impl Simulation {
    /// Lowers the network policies of `cluster`.
    pub(crate) fn of_cluster(cluster: Arc<Cluster>, options: Options) -> Self {
        Self {
            network: NetworkPolicies::new(&cluster, &options),
            mesh: MeshPolicies::new(&cluster),
            cluster,
            options,
        }
    }

    /// Returns the cluster.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Returns the options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Decides `flow` after the events of `history`.
    ///
    /// # Errors
    ///
    /// The flow names an endpoint that is not in the cluster, or contradicts itself.
    pub fn decide(&self, flow: &Flow, history: &History) -> Result<FlowDecision, FlowError> {
        self.evaluate(flow, history, &mut NoTraces).map(|layers| evaluation::combine(&layers))
    }

    /// Decides `flow` and returns the evaluated rules of each layer.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`].
    pub fn explain(&self, flow: &Flow, history: &History) -> Result<FlowExplanation, FlowError> {
        let mut traces = Traces::default();
        let layers = self.evaluate(flow, history, &mut traces)?;
        Ok(evaluation::explain(layers, traces))
    }

    /// Returns the request that the proxy of the destination evaluates by policies, or `None` if no proxy evaluates one.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`].
    pub fn mesh_request(&self, flow: &Flow) -> Result<Option<MeshRequest>, FlowError> {
        let destination = MeshConnection::resolve(self.resolver(), flow)?;
        Ok(self.mesh_evaluator().request(flow, destination))
    }

    /// Returns the settings of the connection manager in the proxy of `workload`.
    pub fn connection_manager(&self, workload: &Workload) -> http::Proxy {
        self.mesh.proxy(self.resolver(), workload).clone()
    }

    /// Resolves the endpoints of `flow`, then evaluates each layer once.
    fn evaluate(
        &self,
        flow: &Flow,
        history: &History,
        observer: &mut impl Observer,
    ) -> Result<[Evaluation; 4], FlowError> {
        let exchange = Exchange::resolve(self.resolver(), flow, history)?;
        let destination: MeshDestination<'_> = MeshConnection::resolve(self.resolver(), flow)?;
        let network = self.network_evaluator();
        let egress = match &flow.to {
            EndpointRef::Fqdn { name, ip: None } => {
                network.evaluate_connection_to_name(name, &exchange, history, observer)
            }
            _ => network.evaluate(Direction::Egress, &exchange, observer),
        };
        let ingress = network.evaluate(Direction::Ingress, &exchange, observer);
        let [peer, authorization] = self.mesh_evaluator().evaluate(flow, destination, observer);
        Ok([egress, ingress, peer, authorization])
    }

    pub(super) fn resolver(&self) -> Resolver<'_> {
        Resolver { cluster: &self.cluster, options: &self.options }
    }

    pub(super) fn network_evaluator(&self) -> NetworkEvaluator<'_> {
        NetworkEvaluator { resolver: self.resolver(), policies: &self.network }
    }

    fn mesh_evaluator(&self) -> MeshEvaluator<'_> {
        MeshEvaluator { resolver: self.resolver(), policies: &self.mesh }
    }
}
