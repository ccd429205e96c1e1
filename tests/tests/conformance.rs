//! Every back end answers as the semantics say: one binary for all conformance tests.

mod allocations;
mod architecture;
mod corpus;
mod documents;
mod fuel;
mod golden;
mod hostile;
mod istio_tables;
mod lookups;
mod name_cache;
mod names;
mod paths;
mod properties;
mod told;
