//! All conformance tests in one binary.

mod allocations;
mod architecture;
mod corpus;
mod decision_details;
mod documents;
mod explanations;
mod fuel;
mod golden;
mod hostile;
mod istio_tables;
mod lookups;
mod name_cache;
mod names;
mod paths;
mod properties;
mod vocabulary;
