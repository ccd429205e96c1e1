//! The back ends: every way there is to decide the flow of a case file.

mod wasm;

pub use wasm::Wasm;

use crate::reference;
use palisade::{Cluster, CompileSwitches, Interpreter, Options, flow::Simulation};
use palisade_cases::{Backend, NoAnswer, Session};

/// The engine in this process, compiled one way or another.
#[derive(Clone, Debug)]
pub struct Engine {
    name: &'static str,
    switches: CompileSwitches,
}

impl Engine {
    /// As it ships.
    pub fn compiled() -> Self {
        Self { name: "compiled", switches: CompileSwitches::default() }
    }

    /// Compiled with each shortcut left out in turn.
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

    /// Every rule read by the reference evaluator.
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
        cluster: &'c Cluster,
        options: &Options,
    ) -> Result<Box<dyn Session + 'c>, NoAnswer> {
        let mut options = options.clone();
        options.switches = self.switches;
        Ok(Box::new(Simulation::new(cluster, options)))
    }
}
