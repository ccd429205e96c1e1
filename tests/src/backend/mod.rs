//! The back ends: every implementation that decides the flow of a case file.

mod wasm;

pub use wasm::Wasm;

use crate::reference;
use palisade::{CompileSwitches, Interpreter, Options, flow::Simulation};
use palisade_cases::{Backend, BackendError, Session};
use palisade_manifests::Manifests;

/// The engine in this process, with a choice of compilation.
#[derive(Clone, Debug)]
pub struct Engine {
    name: &'static str,
    switches: CompileSwitches,
}

impl Engine {
    /// Returns the engine with its default switches.
    pub fn compiled() -> Self {
        Self { name: "compiled", switches: CompileSwitches::default() }
    }

    /// Returns the engine with each optimization switched off in turn.
    pub fn without_shortcuts() -> [Self; 5] {
        let all = CompileSwitches::default();
        [
            Self { name: "compiled without index", switches: CompileSwitches { index: false, ..all } },
            Self { name: "compiled without proofs", switches: CompileSwitches { proven: false, ..all } },
            Self { name: "compiled without methods", switches: CompileSwitches { methods: false, ..all } },
            Self { name: "compiled without order", switches: CompileSwitches { order: false, ..all } },
            Self { name: "compiled without sets", switches: CompileSwitches { sets: false, ..all } },
        ]
    }

    /// Returns the engine with the reference evaluator, which interprets every rule.
    pub fn reference() -> Self {
        let interpreter = Some(Interpreter(reference::first_match));
        Self {
            name: "reference",
            switches: CompileSwitches { index: false, interpreter, ..CompileSwitches::default() },
        }
    }
}

impl Backend for Engine {
    fn name(&self) -> &str {
        self.name
    }

    fn open<'c>(
        &'c self,
        manifests: &'c Manifests,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, BackendError> {
        let mut options = options.clone();
        options.switches = self.switches;
        Ok(Box::new(Simulation::new(manifests.cluster.clone(), options)))
    }
}
