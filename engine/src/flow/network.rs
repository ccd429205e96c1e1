//! The Cilium layers of a flow.

use super::{Event, Flow, FlowError, History, LayerExplanation, Simulation, simulation::silent};
use crate::decision::{Layer, Outcome};

impl Simulation<'_> {
    pub(super) fn network(
        &self,
        _flow: &Flow,
        _history: &History,
    ) -> Result<[LayerExplanation; 2], FlowError> {
        Ok([Layer::CiliumEgress, Layer::CiliumIngress].map(|layer| silent(layer, "", Outcome::NotSelected)))
    }

    pub(super) fn happen_network(&self, history: &mut History, event: &Event) -> Result<(), FlowError> {
        if let Event::Wait(time) = event {
            history.now += time;
        }
        Ok(())
    }
}
