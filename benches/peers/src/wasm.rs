//! The module of `palisade_guest` in wasmtime, without fuel, which would slow it down.

use palisade_guest::Shape;
use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

/// A policy set in the module.
pub struct Guest {
    store: Store<()>,
    decide: TypedFunc<u32, u32>,
}

impl Guest {
    /// Creates the module with `n` rules of `shape`.
    ///
    /// # Panics
    ///
    /// If the file is not that module.
    pub fn new(file: &std::path::Path, shape: Shape, n: usize) -> Self {
        let engine = Engine::default();
        let module = Module::from_file(&engine, file).expect("the guest's module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("a module without imports");
        let prepare = instance.get_typed_func::<(u32, u32), ()>(&mut store, "prepare").expect("prepare");
        let decide = instance.get_typed_func(&mut store, "decide").expect("decide");
        let shape = Shape::ALL.iter().position(|known| *known == shape).expect("a known shape");
        prepare.call(&mut store, (shape as u32, n as u32)).expect("policies that compile");
        Self { store, decide }
    }

    /// Decides this number of requests and returns how many were allowed.
    pub fn decide(&mut self, count: u32) -> u32 {
        self.decide.call(&mut self.store, count).expect("a decision")
    }
}
