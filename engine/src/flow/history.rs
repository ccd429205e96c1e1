//! What a node has seen before a flow: time, names, connections.

use crate::dns::NameCache;

/// What a node has seen. Starts empty at time 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Milliseconds since the beginning.
    pub now: u64,
    /// What DNS taught the node.
    pub names: NameCache,
}

impl History {
    /// Lets `milliseconds` pass.
    pub fn wait(&mut self, milliseconds: u64) {
        self.now = self.now.saturating_add(milliseconds);
        self.names.advance(self.now);
    }
}
