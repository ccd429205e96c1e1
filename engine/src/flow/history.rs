//! What a node has seen before a flow: time, names, connections.

/// What a node has seen. Starts empty at time 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Milliseconds since the beginning.
    pub now: u64,
}
